import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import ArtifactError, ParamsError
from dejavu.image import embed, vote
from dejavu.params.search import NeighborsParams, RetrieveParams
from dejavu.roles import ATTACKED, REFERENCE, is_paired, predictor_name
from dejavu.run import shards
from dejavu.search import both_roles, neighbors, recalls, searches
from dejavu.search.neighbors import NeighborFiles, NeighborSettings
from dejavu.tables.parquet import fingerprint
from dejavu.tables.schemas import (
    EMBEDDINGS,
    LABELS,
    NEIGHBORS,
    PREDICTIONS,
    SAMPLES,
    SPLITS,
    UNANNOTATED,
)
from dejavu.tables.views import REFERENCE_CROP
from tests.models.training.world import MACHINE, World, trained_model
from tests.search.slow import slow_nearest

DIM = 6
PUBLIC = {"samples": "s", "split": "p", "crops": "c", "weights": "w", "preprocessing": "x"}


def settings(**changes):
    facts = {"k": 4, "metrics": ("l2", "cosine"), "index": "Flat", "candidate_margin": 2}
    return NeighborsParams(**{**facts, **changes})


def write_embeddings(folder, ids, seed, parts=3, inputs=PUBLIC):
    vectors = np.random.default_rng(seed).standard_normal((len(ids), DIM)).astype(np.float32)
    for number, rows in enumerate(np.array_split(np.arange(len(ids)), parts)):
        table = pa.table({"sample_id": ids[rows], "embedding": embed.fixed_size(vectors[rows])})
        EMBEDDINGS.write(table, folder / f"part-{number:05d}.parquet", inputs=inputs)
    return vectors


@pytest.fixture
def embeddings(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    root = tmp_path / "embeddings"
    ids = np.arange(31) * 2
    bank = write_embeddings(root / "layer=projector/view=public_image", ids, seed=0)
    queries = write_embeddings(root / "layer=projector/view=crop", np.arange(11) * 2 + 1, seed=1)
    return root, ids, bank, queries


def find(root, out, machine=MACHINE, **changes):
    search = settings(**changes)
    neighbors.find(
        settings=NeighborSettings(
            section="image.neighbors", model="m", search=search, machine=machine
        ),
        inputs=searches.of_images(root, ("projector",), search.metrics),
        out=NeighborFiles(neighbors=out, recall=out.with_name(f"{out.name}.json")),
    )


def recall_of(out):
    return [each["recall"] for each in json.loads(out.with_name(f"{out.name}.json").read_text())]


@pytest.mark.slow
def test_every_metric_equals_the_slow_twin(embeddings, tmp_path):
    root, ids, bank, queries = embeddings
    find(root, tmp_path / "out")
    for metric in ("l2", "cosine"):
        rows = NEIGHBORS.read(tmp_path / "out" / f"layer=projector/metric={metric}")
        assert rows["sample_id"].to_pylist() == [*range(1, 23, 2)]
        assert rows["neighbor_ids"].to_pylist() == slow_nearest(queries, bank, ids, 4, metric)
        near = np.array(rows["similarities"].to_pylist())
        assert (near[:, 1:] <= near[:, :-1]).all()
    assert recall_of(tmp_path / "out") == [1.0, 1.0]


@pytest.mark.slow
def test_the_machine_never_changes_a_byte(embeddings, tmp_path):
    root = embeddings[0]
    for block_rows in (1, 4, 1000):
        machine = MACHINE.model_copy(
            update={"block_rows": block_rows, "memory_gb": block_rows / 1e9}
        )
        find(root, tmp_path / str(block_rows), machine)
    for precision in ("float16", "bfloat16"):
        machine = MACHINE.model_copy(update={"search_precision": precision})
        find(root, tmp_path / precision, machine)
    names = ("1", "4", "1000", "float16", "bfloat16")
    assert len({fingerprint(tmp_path / name) for name in names}) == 1


def test_the_recall_of_an_approximate_index_is_written_next_to_it(embeddings, tmp_path):
    root = embeddings[0]
    find(root, tmp_path / "all", index="IVF2,Flat; nprobe=2")
    find(root, tmp_path / "some", index="IVF2,Flat; nprobe=1", k=3, candidate_margin=0)
    every, some = (recall_of(tmp_path / name)[0] for name in ("all", "some"))
    assert every == 1.0
    assert 0.3 < some < 1.0


def test_embeddings_of_two_networks_never_meet(embeddings, tmp_path):
    root, ids, *_ = embeddings
    folder = root / "layer=projector/view=public_image"
    write_embeddings(folder, ids, seed=0, inputs={**PUBLIC, "weights": "other"})
    with pytest.raises(ArtifactError, match="was made from weights"):
        find(root, tmp_path / "out")


def test_more_neighbors_than_public_images_is_a_parameter_error(embeddings, tmp_path):
    with pytest.raises(ParamsError, match="k=32 .* 31 vectors"):
        find(embeddings[0], tmp_path / "out", k=32)


@pytest.fixture
def captions(tmp_path, monkeypatch):
    """The embeddings of a caption model: three parts of eleven captions, five rows a shard."""
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    monkeypatch.setattr(neighbors, "ROWS_PER_PART", 5)
    root, ids = tmp_path / "embeddings", np.arange(31) * 2
    banks = {
        view: write_embeddings(root / f"view={view}", ids, seed=seed)
        for seed, view in enumerate(("public_image", "public_caption"))
    }
    queries = write_embeddings(root / "view=caption", np.arange(11) * 2 + 1, seed=2)
    return root, ids, banks, queries


def retrieve(root, out, modes=("t2i", "t2t"), left_out=None, **changes):
    facts = {"k": 4, "index": "Flat", "candidate_margin": 2, **changes}
    neighbors.find(
        settings=NeighborSettings(
            section="caption.retrieve", model="clip", search=RetrieveParams(**facts),
            machine=MACHINE, left_out=left_out,
        ),
        inputs=searches.of_captions(root, modes),
        out=NeighborFiles(neighbors=out, recall=out.with_name("recall") / "clip.json"),
    )  # fmt: skip


def test_captions_search_images_or_captions_by_their_cosine(captions, tmp_path):
    root, ids, banks, queries = captions
    retrieve(root, tmp_path / "out")
    for mode, view in (("t2i", "public_image"), ("t2t", "public_caption")):
        folder = tmp_path / "out" / f"mode={mode}"
        assert [NEIGHBORS.count(part) for part in sorted(folder.iterdir())] == [5, 5, 1]
        rows = NEIGHBORS.read(folder)
        assert rows["sample_id"].to_pylist() == [*range(1, 23, 2)]
        assert rows["neighbor_ids"].to_pylist() == slow_nearest(
            queries, banks[view], ids, 4, "cosine"
        )


@pytest.mark.parametrize("index", ["Flat", "IVF2,Flat; nprobe=2"])
def test_public_samples_that_nobody_annotated_are_not_found(captions, tmp_path, index):
    root, ids, banks, queries = captions
    rows = pa.table({"sample_id": ids[::2], "role": ["public"] * 16}, schema=UNANNOTATED.schema)
    UNANNOTATED.write(rows, tmp_path / "unannotated.parquet", inputs={})
    changes = {"index": index, "left_out": tmp_path / "unannotated.parquet"}
    retrieve(root, tmp_path / "out", modes=("t2i",), **changes)
    nearest = NEIGHBORS.read(tmp_path / "out/mode=t2i")["neighbor_ids"].to_pylist()
    bank = banks["public_image"][1::2]
    assert nearest == slow_nearest(queries, bank, ids[1::2], 4, "cosine")
    with pytest.raises(ParamsError, match=r"Lower caption\.retrieve\.k"):
        retrieve(root, tmp_path / "more", modes=("t2i",), k=16, **changes)


def test_the_recall_of_the_caption_lane_is_measured_too(captions, tmp_path):
    retrieve(captions[0], tmp_path / "some", index="IVF2,Flat; nprobe=1", k=3, candidate_margin=0)
    found = recalls.read(tmp_path / "recall")
    assert [(each.model, each.names, each.k) for each in found] == [
        ("clip", {"mode": "t2i"}, 3), ("clip", {"mode": "t2t"}, 3),
    ]  # fmt: skip
    assert all(each.is_measured and each.n_queries == 11 for each in found)
    assert min(each.recall for each in found) < 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 32}, r"Lower caption\.retrieve\.k"),
        ({"index": "IVF2,Fla"}, r"caption\.retrieve\.index 'IVF2,Fla' does not work"),
        ({"index": "IVF31,Flat; nprobe=1"}, r"caption\.retrieve\.index .* finds fewer than k=4"),
    ],
)
def test_errors_of_the_caption_lane_name_its_own_keys(captions, tmp_path, changes, message):
    with pytest.raises(ParamsError, match=message):
        retrieve(captions[0], tmp_path / "out", **changes)


def test_a_lane_without_attacked_samples_searches_nothing(captions, tmp_path):
    root = captions[0]
    for view in ("caption", "public_image"):
        for part in (root / f"view={view}").iterdir():
            EMBEDDINGS.write(EMBEDDINGS.schema.empty_table(), part, inputs=PUBLIC)
    retrieve(root, tmp_path / "out", modes=("t2i",), index="IVF2,Flat")
    assert NEIGHBORS.read(tmp_path / "out/mode=t2i").num_rows == 0
    assert [each.is_measured for each in recalls.read(tmp_path / "recall")] == [False]


@pytest.mark.slow
def test_votes_of_every_model_layer_and_metric(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    world = World(tmp_path / "data", n=10)
    roles = {row["sample_id"]: row["role"] for row in SPLITS.read(world.splits).to_pylist()}
    labels = {row["sample_id"]: row["label_id"] for row in SAMPLES.read(world.samples).to_pylist()}
    public = np.array(sorted(i for i, role in roles.items() if role == "public"))
    crops = {
        which: np.array(sorted(i for i, role in roles.items() if role in which))
        for which in (ATTACKED, REFERENCE)
    }
    models = {"m": trained_model(), "m_second": trained_model(trained_on="reference")}
    for seed, name in enumerate(models):
        for layer in ("projector", "backbone"):
            root = tmp_path / "embeddings" / name / f"layer={layer}"
            write_embeddings(root / "view=public_image", public, seed=seed)
            write_embeddings(root / "view=crop", crops[ATTACKED], seed=seed + 10)
            write_embeddings(root / "view=reference_crop", crops[REFERENCE], seed=seed + 20)
        asked = tmp_path / "embeddings" / name, models[name].layers, ("l2", "cosine")
        both_roles.find(
            settings=NeighborSettings(
                section="image.neighbors", model=name, search=settings(), machine=MACHINE
            ),
            inputs=both_roles.Searches(
                attacked=searches.of_images(*asked),
                reference=(
                    searches.of_images(*asked, crops=REFERENCE_CROP)
                    if is_paired(models[name])
                    else ()
                ),
            ),
            out=both_roles.Files(
                neighbors=tmp_path / "neighbors" / f"model={name}",
                recall=tmp_path / "r.json",
                reference=tmp_path / "reference_neighbors" / f"model={name}",
            ),
        )
    vote.count(
        settings=vote.VoteSettings(models=models, metrics=("l2", "cosine")),
        inputs=vote.VoteInputs(
            samples=world.samples, splits=world.splits, labels=world.labels,
            neighbors=tmp_path / "neighbors", reference_neighbors=tmp_path / "reference_neighbors",
        ),
        out=vote.VoteFiles(attacked=tmp_path / "knn", reference_role=tmp_path / "other"),
    )  # fmt: skip
    counted = pa.concat_tables(map(pq.read_table, sorted((tmp_path / "knn").rglob("*.parquet"))))
    assert set(counted["predictor"].to_pylist()) == {
        "m", "m_cosine", "m_backbone", "m_backbone_cosine",
        "m_second", "m_second_cosine", "m_second_backbone", "m_second_backbone_cosine",
    }  # fmt: skip
    # only a pair that is trained here attacks the reference role
    assert not list((tmp_path / "reference_neighbors/model=m").iterdir())
    assert [folder.name for folder in (tmp_path / "other").iterdir()] == ["model=m_second"]
    for model, layer, metric, attacked, (searched, guessed) in (
        ("m", "projector", "l2", ATTACKED, ("neighbors", "knn")),
        ("m", "backbone", "cosine", ATTACKED, ("neighbors", "knn")),
        ("m_second", "backbone", "l2", REFERENCE, ("reference_neighbors", "other")),
    ):
        name = predictor_name(
            model, layer, metric, layers=("projector", "backbone"), metrics=("l2", "cosine")
        )
        place = f"model={model}/layer={layer}/metric={metric}"
        near = NEIGHBORS.read(tmp_path / searched / place).to_pylist()
        rows = PREDICTIONS.read(tmp_path / guessed / place).to_pylist()
        assert {row["predictor"] for row in rows} == {name}
        assert [row["sample_id"] for row in rows] == crops[attacked].tolist()
        for row, found in zip(rows, near, strict=True):
            votes = [labels[i] for i in found["neighbor_ids"]]
            truth = labels[row["sample_id"]]
            assert (row["role"], row["label_id"]) == (roles[row["sample_id"]], truth)
            assert row["p_truth"] == votes.count(truth) / 4
            winner = 0 if votes.count(0) > 2 or (votes.count(0) == 2 and votes[0] == 0) else 1
            assert row["predicted_id"] == winner
    assert LABELS.read(world.labels).num_rows == 2


def test_neighbors_of_two_splits_are_not_counted_together(tmp_path):
    for name, split in (("a", "1"), ("b", "2")):
        table = pa.table({"sample_id": [1], "neighbor_ids": [[2]], "similarities": [[1.0]]})
        NEIGHBORS.write(
            table.cast(NEIGHBORS.schema),
            tmp_path
            / "neighbors"
            / f"model={name}/layer=backbone/metric=l2"
            / "part-00000.parquet",
            inputs={"split": split},
        )
    models = {name: trained_model(layers=["backbone"]) for name in ("a", "b")}
    with pytest.raises(ArtifactError, match="was made from split 2, but"):
        vote.count(
            settings=vote.VoteSettings(models=models, metrics=("l2",)),
            inputs=vote.VoteInputs(
                samples=tmp_path, splits=tmp_path, labels=tmp_path,
                neighbors=tmp_path / "neighbors", reference_neighbors=tmp_path,
            ),
            out=vote.VoteFiles(attacked=tmp_path / "out", reference_role=tmp_path / "other"),
        )  # fmt: skip
