"""Vectors of images and captions that were made elsewhere give the tables of the model itself."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from dejavu.caption import comparisons, embed
from dejavu.errors import DataError
from dejavu.models import clip
from dejavu.models.clip.source import CaptionSettings
from dejavu.models.source import TrainingInputs
from dejavu.params.caption import CaptionEmbeddingsParams, CaptionModelParams, NoRecipe
from dejavu.tables.schemas import EMBEDDINGS, SAMPLES
from dejavu.tables.views import REFERENCE_CAPTION, VIEWS
from tests.caption.world import models, settings
from tests.models.clip.test_clip import files, lane, machine  # noqa: F401  # a fixture


def entry(**changes):
    facts = {
        "source": "embeddings", "recipe": "released", "is_text_model": False, "second_model": None,
        "trained_on": "target",
        "modes": ["t2i", "t2t"], "path": "theirs",
    }  # fmt: skip
    return TypeAdapter(CaptionModelParams).validate_python(facts | changes)


@pytest.fixture
def owner(lane):  # noqa: F811  # a fixture
    """Vectors of eight public pairs and twelve attacked captions, as somebody else sends them."""
    rng = np.random.default_rng(0)
    names = SAMPLES.read(lane / "samples.parquet")["sample_name"].to_pylist()
    (lane / "theirs").mkdir()
    vectors = {}
    for view in VIEWS:
        vectors[view] = rng.standard_normal((len(names), 4)).astype(np.float32)
        order = rng.permutation(len(names))
        table = pa.table(
            {"sample_name": np.array(names)[order], "embedding": vectors[view][order].tolist()}
        )
        pq.write_table(table, lane / "theirs" / f"{view}.parquet")
    return lane, vectors


def run(root, of):
    settings = CaptionSettings(
        model="m", entry=of, recipe=NoRecipe(), seed=0, machine=machine(root)
    )
    clip.make(settings=settings, inputs=TrainingInputs(**files(root)), out=root / "model")
    embed.embed(
        settings=embed.CaptionEmbedSettings(model="m", entry=of, machine=machine(root)),
        inputs=embed.CaptionEmbedInputs(weights=root / "model", **files(root)),
        out=root / "embeddings",
    )


def test_vectors_made_elsewhere_give_the_tables_of_the_model(owner):
    root, vectors = owner
    run(root, entry())
    facts = json.loads((root / "model/provenance.json").read_text())
    assert (facts["dim"], facts["checkpoint"]) == (4, "precomputed embeddings")
    for view in set(VIEWS) - {REFERENCE_CAPTION}:  # no pair is trained
        rows = EMBEDDINGS.read(root / "embeddings" / f"view={view}")
        ids = rows["sample_id"].to_numpy()
        assert len(ids) == (12 if view == "caption" else 8)
        assert (
            np.array(rows["embedding"].to_pylist(), np.float32).tolist()
            == vectors[view][ids].tolist()
        )


def test_a_text_model_needs_captions_only_and_is_a_reference(owner):
    root, _ = owner
    (root / "theirs/public_image.parquet").unlink()
    text = entry(is_text_model=True, modes=["t2t"])
    run(root, text)
    assert {p.name for p in (root / "embeddings").iterdir()} == {
        "view=caption", "view=public_caption",
    }  # fmt: skip
    entries = {"clip": models()["clip"], "second": models()["second"], "theirs": text}
    assert comparisons.target_names(entries) == ["clip"]
    planned = comparisons.plan(entries, settings(), knows_truth=False)
    assert "theirs" in {each.reference_predictor.model for each in planned}


def test_a_missing_view_and_a_caption_without_a_vector_are_errors(owner):
    root, _ = owner
    path = root / "theirs/caption.parquet"
    rows = pq.read_table(path)
    kept = [i for i, name in enumerate(rows["sample_name"].to_pylist()) if name != "n3"]
    pq.write_table(rows.take(kept), path)
    with pytest.raises(DataError, match="no vector of view caption for 1 of 12 samples .*'n3'"):
        run(root, entry())
    path.unlink()
    with pytest.raises(DataError, match="found none of them"):
        run(root, entry())


def test_a_text_model_sees_no_images():
    with pytest.raises(ValidationError, match=r"a text model has modes \[t2t\]"):
        entry(is_text_model=True)
    assert isinstance(entry(), CaptionEmbeddingsParams)
