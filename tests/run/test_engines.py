"""Shards on Ray: what one process gives, on two nodes, whoever dies; errors come back as they are here."""

import dataclasses
import functools
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from dejavu.errors import DataError, EngineError, ParamsError
from dejavu.image import embed
from dejavu.params.search import NeighborsParams
from dejavu.run import on_ray, shards
from dejavu.run.engines import Engine
from dejavu.search import neighbors, searches
from dejavu.search.stored_vectors import vectors_of
from dejavu.tables.schemas import EMBEDDINGS, NEIGHBORS
from tests.models.test_imported_vectors import sources
from tests.models.training.world import MACHINE, trained_model
from tests.run import shard_functions

HOW = NeighborsParams(k=3, metrics=("cosine",), index="Flat", candidate_margin=2)
RAY = Engine(name="ray", cpus=1)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("trained"),  # one cluster, beside the tests that share the network
    pytest.mark.filterwarnings("ignore"),  # of Ray's own start and shutdown
]


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core each, on this machine; nobody's folder is that of the tests."""
    import ray
    from ray.cluster_utils import Cluster

    # Ray reads the folder that the head is started from; the runs are elsewhere.
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "WORK", Path(".work"))


def test_the_neighbors_are_those_of_one_process(cluster, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(embed, "ROWS_PER_PART", 10)  # several parts
    local, on_ray = (run(trained, tmp_path, engine) for engine in ("local", "ray"))
    assert len(local) > 6
    assert on_ray.keys() == local.keys()
    assert_alike(tmp_path)


def run(trained, root, engine):
    machine = MACHINE.model_copy(update={"engine": engine, "data_root": str(root)})
    of = sources(trained, root, trained_model(), trained[1])
    settings = dataclasses.replace(of["settings"], machine=machine)
    embed.embed(settings=settings, inputs=of["inputs"], out=root / engine / "embeddings")
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="image.neighbors", model="m", search=HOW, machine=machine
        ),
        inputs=searches.of_images(root / engine / "embeddings", ("projector",), HOW.metrics),
        out=neighbors.NeighborFiles(
            neighbors=root / engine / "neighbors", recall=root / engine / "recall.json"
        ),
    )
    files = sorted((root / engine).rglob("*.parquet"))
    return {file.relative_to(root / engine).as_posix(): file.read_bytes() for file in files}


def assert_alike(root):
    """Threads may differ between engines, and so may the last bits of a vector; neighbors may not."""
    for view in ("public_image", "crop"):
        one, two = (
            vectors_of(
                EMBEDDINGS.read(root / engine / "embeddings/layer=projector" / f"view={view}")
            )
            for engine in ("local", "ray")
        )
        np.testing.assert_allclose(one, two, atol=1e-5)
    one, two = (
        NEIGHBORS.read(root / engine / "neighbors/layer=projector/metric=cosine")["neighbor_ids"]
        for engine in ("local", "ray")
    )
    assert one.equals(two)


def computed(function, n=6, engine=RAY):
    return shards.run(function, n, out=Path("out"), stage="s", facts={}, suffix="", engine=engine)


def test_workers_are_on_both_nodes_in_this_folder_with_the_cores_they_were_given(cluster, tmp_path):
    facts = [file.read_text().split() for file in computed(shard_functions.noted, 12)]
    assert [int(index) for index, *_ in facts] == list(range(12))
    _, nodes, processes, n_cores, folders = zip(*facts, strict=True)
    assert len(set(nodes)) == len(set(processes)) == 2  # each keeps what it loaded
    assert set(n_cores) == {"1"}
    assert set(folders) == {str(tmp_path)}


def test_a_worker_that_is_killed_loses_nothing(cluster):
    assert [file.read_text() for file in computed(shard_functions.dies_once)] == list("012345")
    assert Path("died").exists()


def test_one_that_dies_again_and_again_ends_in_one_line(cluster, monkeypatch):
    monkeypatch.setattr(on_ray, "_RETRIES", 1)
    with pytest.raises(
        EngineError, match=r"s: 2 Ray workers died over part 0 .*machine\.memory_gb"
    ):
        computed(shard_functions.dies, 1)


def test_a_worker_that_ray_ends_for_its_memory_loses_nothing(cluster):
    found = computed(shard_functions.takes_too_much_memory_once)
    assert [file.read_text() for file in found] == list("012345")
    assert Path("died").exists()


def test_one_that_always_takes_too_much_memory_ends_in_one_line(cluster, monkeypatch):
    monkeypatch.setattr(on_ray, "_RETRIES", 1)
    with pytest.raises(
        EngineError,
        match=r"s: 2 Ray workers died over part 0 \(.*low on memory.*0\.26.*\)\. Out of memory",
    ):
        computed(shard_functions.takes_too_much_memory, 1)


def test_no_shard_waits_for_a_worker_while_another_is_idle(cluster):
    first, *others = (file.read_text().split() for file in computed(shard_functions.first_is_slow))
    assert {worker for _, worker in others} != {first[1]}
    assert first[1] not in {worker for _, worker in others[1:]}


def test_workers_know_what_stores_of_objects_ask_for(cluster, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of nobody")
    monkeypatch.setenv("NOT_ASKED_FOR", "yes")
    told = computed(shard_functions.environment, 1)[0].read_text()
    assert "AWS_ACCESS_KEY_ID=of nobody" in told
    assert "GOMP_SPINCOUNT=" in told
    assert "NOT_ASKED_FOR" not in told


def test_a_folder_that_workers_do_not_see_is_named(cluster, monkeypatch):
    monkeypatch.setattr(on_ray, "_RETRIES", 0)
    monkeypatch.setattr(Path, "cwd", lambda *_: Path("/nowhere/audit"))
    with pytest.raises(EngineError, match=r"^/nowhere/audit: a worker on .* does not see"):
        computed(shard_functions.noted, 1)


def test_workers_of_other_versions_are_refused(cluster, tmp_path, monkeypatch):
    run = functools.partial(
        on_ray.run, shards._compute, jobs=[(0, tmp_path / "a")], stage="s", engine=RAY
    )
    other = r"has numpy \d+ where this process has \d+\. Install the same"
    with pytest.raises(EngineError, match=other):
        run(shard_functions.noted, versions=shard_functions.other_in_each_process)
    here = types.ModuleType("only_here")
    exec("def shard(index, path): pass", here.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", here)
    with pytest.raises(
        EngineError, match=r"cannot load the work: ModuleNotFoundError: .*only_here"
    ):
        run(here.shard, versions=dict)


def test_an_error_comes_back_as_it_is_and_what_was_finished_is_kept(cluster):
    with pytest.raises(DataError, match=r"^part 3: no such image\.$"):
        computed(shard_functions.refuses)
    assert list(Path(".work").rglob("part-0000[012]"))
    assert not Path("out").exists()


def test_a_worker_larger_than_any_node_is_refused_before_anything_waits(cluster):
    with pytest.raises(ParamsError, match="a worker of 2 cores; the nodes have 1 cores and 0 GPUs"):
        computed(shard_functions.noted, engine=Engine(name="ray", cpus=2))
    with pytest.raises(ParamsError, match="a worker of 1 cores and 1 GPUs"):
        computed(shard_functions.noted, engine=Engine(name="ray", cpus=1, gpus=1.0))


def test_a_node_that_goes_loses_nothing(cluster, monkeypatch):
    """Last: nobody else has room on it, so its workers never come back."""
    import ray

    head = next(
        node["NodeID"] for node in ray.nodes() if "node:__internal_head__" in node["Resources"]
    )
    Path("kept").write_text(head)
    found = computed(shard_functions.takes_its_node_along, 5)
    assert [file.read_text() for file in found] == list("01234")
    assert Path("gone").exists()
