"""A lane without a corpus: few stages run, each writes empty tables, and the report says so."""

import json
import shutil

import pytest
from ruamel.yaml import YAML

from dejavu import params as parameters
from dejavu.api.stages import Project
from dejavu.run import graph, shards
from dejavu.tables.schemas import (
    CAPTION_SCORES,
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


@pytest.mark.slow
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
            reference=image / "reference_neighbors" / f"model={name}",
        )  # fmt: skip
    vote.main(
        params=params, splits=splits, neighbors=image / "neighbors",
        reference_neighbors=image / "reference_neighbors", out=image / "predictions/knn",
        reference_role=image / "reference_role/knn", **tables,
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
        params=params, crops=crops, out=image / "predictions/elsewhere.parquet",
        reference_role=image / "reference_role/elsewhere.parquet", **tables,
    )  # fmt: skip
    score_labels.main(
        params=params, predictions=image / "predictions", out=image / "scores.parquet"
    )
    answers = {
        "lane": "image", "params": params, "attacked": image / "predictions",
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


GRAPH = graph.read(ROOT / "dvc.yaml")
OF_AN_UNUSED_LANE = {
    "image": {
        "corpus@image", "split@image", "crop", "vote", "naive_bayes", "oracle", "predictions", "score_labels",
        "crossover@image", "list_samples@image", "measure@image",
    },
    "caption": {
        "corpus@caption", "split@caption", "annotate_objects", "score_objects",
        "crossover@caption", "list_samples@caption", "measure@caption",
    },
}  # fmt: skip


def jobs(lane, path):
    found = graph.jobs(GRAPH, parameters.read(path))
    return [job for job in found if f"data/{lane}/" in job.command]


@pytest.mark.parametrize(
    "preset", sorted((ROOT / "presets").glob("*.yaml")), ids=lambda path: path.stem
)
@pytest.mark.slow
def test_presets_run_no_stage_for_an_entry_of_an_unused_lane(preset):
    values = parameters.read(preset)
    unused = [lane for lane in OF_AN_UNUSED_LANE if values[lane]["corpus"]["adapter"] == "none"]
    assert unused
    for lane in unused:
        assert {job.address for job in jobs(lane, preset)} == OF_AN_UNUSED_LANE[lane]


@pytest.mark.parametrize(("lane", "preset"), [("image", "coco-clip"), ("caption", "my-model")])
def test_a_lane_that_names_nothing_writes_empty_tables(lane, preset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Project(folder=tmp_path)
    shutil.copy(ROOT / "presets" / f"{preset}.yaml", project.params)
    for folder in graph.folders(GRAPH):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    with project.at_work():
        for job in jobs(lane, project.params):
            project._run_job(job)
    table = IMAGE_SCORES if lane == "image" else CAPTION_SCORES
    assert table.read(tmp_path / f"data/{lane}/scores.parquet").num_rows == 0
    assert MEMORIZED_SAMPLES.read(tmp_path / f"data/{lane}/memorized_samples.parquet").num_rows == 0
