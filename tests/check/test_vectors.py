"""Vectors that were made elsewhere are asked about the samples that need one, before the run."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.check import check, vectors
from dejavu.check.clock import Clock
from dejavu.check.roles import Lane
from dejavu.corpora.records import Record
from dejavu.params.caption import CaptionEmbeddingsParams
from dejavu.params.corpora import SamplesTableParams
from tests.check.test_check import content, failures  # noqa: F401  # a fixture
from tests.corpora.limits import LIMITS
from tests.models.training.world import MACHINE

NAMES = [f"{'ab'[i % 2]}/{i}.jpg" for i in range(20)]
ROLES = {name: ("public", "target", "control", "public")[i % 4] for i, name in enumerate(NAMES)}
PUBLIC = [name for name in NAMES if ROLES[name] == "public"]


@pytest.fixture
def brought(content, tmp_path):  # noqa: F811  # the fixture
    """The small corpus with given roles, and vectors of all its samples in the place of a network."""
    rows = "\n".join(f"{name},{role}" for name, role in ROLES.items())
    (tmp_path / "roles.csv").write_text(f"sample_name,role\n{rows}\n")
    image = content["image"]
    image["split"]["roles_from"] = {"source": "table", "path": "roles.csv"}
    entry = {"source": "embeddings", "recipe": "released", "second_model": None, "path": "theirs"}
    image["models"] = {"vicreg": {**entry, "trained_on": "target", "layers": ["projector"]}}
    image["classifiers"] = {}
    content["report"]["covariates"] = []
    content["limits"]["labels_without_bank"] = 1.0
    image["score"]["references"], image["score"]["consensus_of"] = ["naive_bayes"], []
    for view in ("public_image", "crop"):
        write(tmp_path / f"theirs/projector/{view}.parquet", NAMES)
    return content


def write(path, names, *, value=None):
    """Write a vector for each of `names`; `value` stands in the first one."""
    vectors = np.random.default_rng(0).standard_normal((len(names), 4)).astype(np.float32)
    if value is not None:
        vectors[0] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 4)
    pq.write_table(pa.table({"sample_name": names, "embedding": lists}), path)


def wrong(brought, tmp_path):
    return {
        what: detail
        for what, (_, detail) in failures(brought, tmp_path).items()
        if "projector" in what
    }


@pytest.mark.slow
def test_vectors_of_all_samples_are_right(brought, tmp_path):
    assert wrong(brought, tmp_path) == {}
    found = {f.what: f.detail for f in check(tmp_path / "params.yaml")}
    assert found["models.vicreg.projector.public_image"] == (
        "a vector for each of 10 public samples listed; 10 more rows"
    )
    assert "a vector for each of 10 kept crops looked at" in found["models.vicreg.projector.crop"]


@pytest.mark.parametrize("view", ["public_image", "crop"])
@pytest.mark.slow
def test_samples_without_a_vector_are_counted_named_and_told_what_to_do(brought, tmp_path, view):
    is_needed = {
        name: (role == "public") == (view == "public_image") for name, role in ROLES.items()
    }
    needed = sorted(name for name in NAMES if is_needed[name])
    lacking = needed[:7]
    write(
        tmp_path / f"theirs/projector/{view}.parquet",
        [name for name in NAMES if name not in lacking],
    )
    told = wrong(brought, tmp_path)[f"models.vicreg.projector.{view}"]
    assert f"no vector of view {view} for 7 of 10 samples that need one: " in told
    assert ", ".join(repr(name) for name in lacking[:5]) + ", …. Add them" in told


@pytest.mark.slow
def test_an_image_that_the_run_will_not_use_needs_no_vector(brought, tmp_path, monkeypatch):
    from dejavu.check import rehearsal

    monkeypatch.setattr(rehearsal, "SAMPLES", 2)  # it is not among them
    (tmp_path / "photos" / PUBLIC[3]).write_bytes(b"no image")
    brought["image"]["corpus"]["max_dropped_share"] = 0.1
    write(
        tmp_path / "theirs/projector/public_image.parquet",
        [name for name in NAMES if name != PUBLIC[3]],
    )
    assert wrong(brought, tmp_path) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "1 vectors are not finite: "), (0.0, "1 vectors are zero and have no cosine: ")],
)
@pytest.mark.slow
def test_numbers_that_have_no_distance_are_wrong_before_the_run(brought, tmp_path, value, message):
    write(tmp_path / "theirs/projector/public_image.parquet", PUBLIC, value=value)
    told = wrong(brought, tmp_path)["models.vicreg.projector.public_image"]
    assert message + repr(PUBLIC[0]) in told


@pytest.mark.slow
def test_vectors_of_other_crops_are_wrong_before_the_run(brought, tmp_path):
    path = tmp_path / "theirs/projector/crop.parquet"
    table = pq.read_table(path)
    for corner in ("x0", "y0", "x1", "y1"):
        table = table.append_column(corner, pa.array([3] * len(table)))
    pq.write_table(table, path)
    told = wrong(brought, tmp_path)["models.vicreg.projector.crop"]
    assert "10 of 10 crops are not those of this run" in told


@pytest.mark.slow
def test_guesses_by_number_are_of_the_listing(brought, tmp_path, monkeypatch):
    """Of a listing that is not opened whole, the number of a sample is not its place among the opened."""
    from dejavu.check import rehearsal

    monkeypatch.setattr(rehearsal, "SAMPLES", 4)
    rows = "\n".join(f"{i},{name[0]}" for i, name in enumerate(sorted(NAMES)) if i not in (1, 2, 3))
    (tmp_path / "guesses.csv").write_text(f"sample_id,predicted\n{rows}\n")
    brought["image"]["predictions"] = {"theirs": {"path": "guesses.csv"}}
    assert "predictions.theirs" not in failures(brought, tmp_path)


def test_captions_without_a_vector_are_wrong_before_the_run(tmp_path):
    known = Lane("caption", n=4, is_complete=True)
    known.listed = [Record(name=f"s{i}", uri=f"s{i}", caption=f"words {i}") for i in range(4)]
    known.role_of = np.array(["target", "control", "public", "public"], dtype=object)
    entry = CaptionEmbeddingsParams(
        source="embeddings", recipe="released", is_text_model=False, trained_on="target",
        second_model=None, modes=("t2i",), path="theirs",
    )  # fmt: skip
    write(tmp_path / "theirs/caption.parquet", ["s0", "s3"])
    write(tmp_path / "theirs/public_image.parquet", ["s2", "s3"])
    corpus = SamplesTableParams(adapter="samples_table", path="s.csv", max_dropped_share=0.0)
    values = {
        "caption.models": {"clip": entry}, "caption.corpus": SimpleNamespace(root=corpus), "limits": LIMITS,
        "machine": MACHINE,
    }  # fmt: skip
    found = {f.what: f for f in vectors.look(values, known, tmp_path, Clock())}
    assert found["models.clip.public_image"].detail.startswith(
        "a vector for each of 2 public samples"
    )
    missing = found["models.clip.caption"]
    assert missing.status == "wrong"
    assert "no vector of view caption for 1 of 2 samples that need one: 's1'" in missing.detail
