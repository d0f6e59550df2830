import json

import numpy as np
import pyarrow as pa
import pytest

from dejavu.errors import ArtifactError, ParamsError
from dejavu.image import embed, vote
from dejavu.image.targets import predictor_name
from dejavu.params.encoders import NeighborsParams
from dejavu.run import shards
from dejavu.search import neighbors
from dejavu.tables.parquet import fingerprint
from dejavu.tables.schemas import EMBEDDINGS, LABELS, NEIGHBORS, PREDICTIONS, SAMPLES, SPLITS
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
    bank = write_embeddings(root / "projector" / "public_image", ids, seed=0)
    queries = write_embeddings(root / "projector" / "crop", np.arange(11) * 2 + 1, seed=1)
    return root, ids, bank, queries


def find(root, out, machine=MACHINE, **changes):
    neighbors.find(
        root, out, model="m", layers=("projector",), settings=settings(**changes), machine=machine
    )


def test_every_metric_equals_the_slow_twin(embeddings, tmp_path):
    root, ids, bank, queries = embeddings
    find(root, tmp_path / "out")
    for metric in ("l2", "cosine"):
        rows = NEIGHBORS.read(tmp_path / "out" / f"projector-{metric}")
        assert rows["sample_id"].to_pylist() == [*range(1, 23, 2)]
        assert rows["neighbor_ids"].to_pylist() == slow_nearest(queries, bank, ids, 4, metric)
        near = np.array(rows["similarities"].to_pylist())
        assert (near[:, 1:] <= near[:, :-1]).all()
    measured = json.loads((tmp_path / "out" / "recall.json").read_text())
    assert measured["recall"] == {"projector-l2": 1.0, "projector-cosine": 1.0}


def test_the_machine_never_changes_a_byte(embeddings, tmp_path):
    root = embeddings[0]
    for block_rows in (1, 4, 1000):
        machine = MACHINE.model_copy(update={"block_rows": block_rows})
        find(root, tmp_path / str(block_rows), machine)
    assert len({fingerprint(tmp_path / name) for name in ("1", "4", "1000")}) == 1


def test_the_recall_of_an_approximate_index_is_written_next_to_it(embeddings, tmp_path):
    root = embeddings[0]
    find(root, tmp_path / "all", index="IVF2,Flat; nprobe=2")
    find(root, tmp_path / "some", index="IVF2,Flat; nprobe=1", k=3, candidate_margin=0)
    every, some = (
        json.loads((tmp_path / name / "recall.json").read_text())["recall"]["projector-l2"]
        for name in ("all", "some")
    )
    assert every == 1.0
    assert 0.3 < some < 1.0


def test_embeddings_of_two_networks_never_meet(embeddings, tmp_path):
    root, ids, *_ = embeddings
    folder = root / "projector" / "public_image"
    write_embeddings(folder, ids, seed=0, inputs={**PUBLIC, "weights": "other"})
    with pytest.raises(ArtifactError, match="was made from weights"):
        find(root, tmp_path / "out")


def test_more_neighbors_than_public_images_is_a_parameter_error(embeddings, tmp_path):
    with pytest.raises(ParamsError, match="k=32 .* 31 vectors"):
        find(embeddings[0], tmp_path / "out", k=32)


def test_votes_of_every_model_layer_and_metric(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    world = World(tmp_path / "data", n=10)
    roles = {row["sample_id"]: row["role"] for row in SPLITS.read(world.splits).to_pylist()}
    labels = {row["sample_id"]: row["label_id"] for row in SAMPLES.read(world.samples).to_pylist()}
    public = np.array(sorted(i for i, role in roles.items() if role == "public"))
    crops = np.array(sorted(i for i, role in roles.items() if role in ("target", "control")))
    models = {"m": trained_model(), "m_second": trained_model(trained_on="reference")}
    for seed, name in enumerate(models):
        for layer in ("projector", "backbone"):
            root = tmp_path / "embeddings" / name / layer
            write_embeddings(root / "public_image", public, seed=seed)
            write_embeddings(root / "crop", crops, seed=seed + 10)
        neighbors.find(
            tmp_path / "embeddings" / name, tmp_path / "neighbors" / name, model=name,
            layers=("projector", "backbone"), settings=settings(), machine=MACHINE,
        )  # fmt: skip
    vote.count(
        models, ("l2", "cosine"), samples=world.samples, splits=world.splits,
        labels=world.labels, neighbors=tmp_path / "neighbors", out=tmp_path / "knn",
    )  # fmt: skip
    names = {path.stem for path in (tmp_path / "knn").iterdir()}
    assert names == {
        "m", "m_cosine", "m_backbone", "m_backbone_cosine",
        "m_second", "m_second_cosine", "m_second_backbone", "m_second_backbone_cosine",
    }  # fmt: skip
    for layer, metric in (("projector", "l2"), ("backbone", "cosine")):
        name = predictor_name(
            "m", layer, metric, layers=("projector", "backbone"), metrics=("l2", "cosine")
        )
        near = NEIGHBORS.read(tmp_path / "neighbors" / "m" / f"{layer}-{metric}").to_pylist()
        rows = PREDICTIONS.read(tmp_path / "knn" / f"{name}.parquet").to_pylist()
        assert [row["sample_id"] for row in rows] == crops.tolist()
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
            tmp_path / "neighbors" / name / "backbone-l2" / "part-00000.parquet",
            inputs={"split": split},
        )
    models = {name: trained_model(layers=["backbone"]) for name in ("a", "b")}
    with pytest.raises(ArtifactError, match="was made from split 2, but"):
        vote.count(
            models, ("l2",), samples=tmp_path, splits=tmp_path, labels=tmp_path,
            neighbors=tmp_path / "neighbors", out=tmp_path / "out",
        )  # fmt: skip
