"""An image lane without a corpus: every stage writes empty tables, and the report says so."""

import json

import pytest
from ruamel.yaml import YAML

from dejavu.run import shards
from dejavu.tables.schemas import (
    CROPS,
    CROSSOVER,
    EMBEDDINGS,
    IMAGE_SCORES,
    LABELS,
    MEASURES,
    MEMORIZED_SAMPLES,
    NEIGHBORS,
    PREDICTIONS,
    SAMPLES,
    SPLITS,
)
from stages import (
    attack_reference,
    classifier,
    corpus,
    crop,
    crossover,
    embed,
    encoder,
    list_samples,
    measure,
    naive_bayes,
    neighbors,
    oracle,
    predictions,
    score_labels,
    split,
    tag_crops,
    vote,
)  # fmt: skip
from tests.paths import ROOT


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The default parameters, models and references included, but for the corpus."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    values = YAML().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["image"]["corpus"] = {"adapter": "none"}
    path = tmp_path / "params.yaml"
    with path.open("w", encoding="utf-8") as stream:
        YAML().dump(values, stream)
    return path


def test_every_stage_of_an_unused_image_lane_writes_empty_tables(params, tmp_path):
    image = tmp_path / "data/image"
    tables = {"samples": image / "samples.parquet", "labels": image / "labels.parquet"}
    pixels = {"images": image / "images"}
    splits, crops = image / "splits.parquet", image / "crops.parquet"
    corpus.main(lane="image", params=params, **tables, **pixels)
    samples = tables["samples"]
    split.main(lane="image", params=params, **tables, **pixels, out=splits)
    crop.main(params=params, samples=samples, splits=splits, out=crops)
    for name in ("corpus", "visual_words"):
        place = image / "tags" / name
        tag_crops.main(
            annotator=name, params=params, samples=samples, crops=crops, out=place / "tags",
            vocabulary=place / "vocabulary.parquet", **pixels,
        )  # fmt: skip
    for name, entry in YAML(typ="safe").load(params)["image"]["models"].items():
        recipe = entry["recipe"]
        encoder.main(
            model=name, recipe=recipe, params=params, samples=samples, splits=splits,
            out=image / "encoders" / name, **pixels,
        )  # fmt: skip
        embed.main(
            model=name, params=params, samples=samples, splits=splits, crops=crops,
            encoder=image / "encoders" / name, out=image / "embeddings" / f"model={name}", **pixels,
        )  # fmt: skip
        neighbors.main(
            model=name, params=params, embeddings=image / "embeddings" / f"model={name}",
            out=image / "neighbors" / f"model={name}", recall=image / "recall" / f"{name}.json",
        )  # fmt: skip
    vote.main(
        params=params, splits=splits, neighbors=image / "neighbors",
        out=image / "predictions/knn", **tables,
    )  # fmt: skip
    classifier.main(
        classifier="classifier", params=params, crops=crops,
        out=image / "predictions/classifiers/classifier.parquet",
        history=image / "classifiers/classifier.json", **tables, **pixels,
    )  # fmt: skip
    naive_bayes.main(
        params=params, crops=crops, tags=image / "tags",
        out=image / "predictions/naive_bayes.parquet", **tables,
    )  # fmt: skip
    oracle.main(crops=crops, out=image / "predictions/oracle.parquet", **tables)
    predictions.main(
        params=params, crops=crops, out=image / "predictions/elsewhere.parquet", **tables
    )
    score_labels.main(
        params=params, predictions=image / "predictions", out=image / "scores.parquet"
    )
    attack_reference.main(
        model="vicreg", params=params, crops=crops, splits=splits, encoder=image / "encoders/vicreg",
        embeddings=image / "embeddings/model=vicreg", out=image / "reference_role/model=vicreg",
        **tables, **pixels,
    )  # fmt: skip
    answers = {
        "lane": "image", "params": params, "attacked": image / "predictions/knn",
        "reference_role": image / "reference_role",
    }  # fmt: skip
    crossover.main(**answers, out=image / "crossover.parquet")
    list_samples.main(**answers, out=image / "memorized_samples.parquet")
    measure.main(
        lane="image", params=params, samples=samples, splits=splits, weights=image / "encoders",
        embeddings=image / "embeddings", neighbors=image / "neighbors",
        out=image / "measures.parquet", **pixels,
    )  # fmt: skip
    for table, path in (
        (SAMPLES, samples), (LABELS, tables["labels"]), (SPLITS, splits), (CROPS, crops),
        (EMBEDDINGS, image / "embeddings/model=vicreg/layer=projector/view=crop"),
        (NEIGHBORS, image / "neighbors/model=vicreg/layer=backbone/metric=l2"),
        (PREDICTIONS, image / "predictions/knn/model=vicreg/layer=projector/metric=cosine"),
        (PREDICTIONS, image / "predictions/classifiers/classifier.parquet"),
        (IMAGE_SCORES, image / "scores.parquet"),
        (CROSSOVER, image / "crossover.parquet"),
        (MEMORIZED_SAMPLES, image / "memorized_samples.parquet"),
        (MEASURES, image / "measures.parquet"),
    ):  # fmt: skip
        assert table.read(path).num_rows == 0
    facts = json.loads((image / "encoders/vicreg/provenance.json").read_text())
    assert facts["is_empty"]
