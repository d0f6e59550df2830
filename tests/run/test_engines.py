"""Ray finds the same neighbors as one process; skipped where the extra is not installed."""

import dataclasses
import importlib.util

import numpy as np
import pytest

from dejavu.image import embed
from dejavu.params.search import NeighborsParams
from dejavu.run import shards
from dejavu.search import neighbors, searches
from dejavu.search.neighbors import vectors_of
from dejavu.tables.schemas import EMBEDDINGS, NEIGHBORS
from tests.models.test_imported_vectors import sources
from tests.models.training.world import MACHINE, trained_model

HOW = NeighborsParams(k=3, metrics=("cosine",), index="Flat", candidate_margin=2)


def assert_alike(root):
    """Threads differ between engines, and so may the last bits of a vector; neighbors may not."""
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


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra `ray` is not installed"
)
@pytest.mark.filterwarnings("ignore")  # of Ray's own start and shutdown
def test_ray_gives_the_neighbors_of_one_process(trained, tmp_path, monkeypatch):
    import ray

    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    monkeypatch.setattr(embed, "ROWS_PER_PART", 10)  # several parts, so several tasks
    try:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        local, on_ray = (run(trained, tmp_path, engine) for engine in ("local", "ray"))
    finally:
        ray.shutdown()
    assert len(local) > 6
    assert on_ray.keys() == local.keys()
    assert_alike(tmp_path)
