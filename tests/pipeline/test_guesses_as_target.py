"""Guesses made elsewhere as the target of an audit: those of a network give the numbers of that network."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu import params as parameters
from dejavu.api.settings import editor
from dejavu.api.stages import Project
from dejavu.run import graph
from dejavu.tables.schemas import (
    CROSSOVER,
    IMAGE_SCORES,
    LABELS,
    MEASURES,
    MEMORIZED_SAMPLES,
    NEIGHBORS,
    PREDICTIONS,
    SAMPLES,
)
from tests.paths import ROOT
from tests.pipeline.project import small

NAMES = ("vicreg", "vicreg_second")
K = 5


def settings():
    values = editor().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    small(values)
    image = values["image"]
    image["corpus"] |= {"n_images": 300, "n_labels": 4}
    image["neighbors"] |= {"k": K, "candidate_margin": 5, "metrics": ["cosine"]}
    for name in NAMES:
        image["models"][name]["layers"] = ["projector"]
    del image["annotators"]["visual_words"]
    image["naive_bayes"]["top_k"] = [5]
    image["classifiers"] = {}
    image["score"] |= {"references": ["second_model", "naive_bayes", "oracle"], "consensus_of": []}
    values["report"]["covariates"] = ["naive_bayes@5"]
    values["caption"]["corpus"] = {"adapter": "none"}
    values["report"]["headline"]["caption"] = None
    values["machine"] |= {"device": "cpu", "workers": 1}
    return values


def run(folder, values):
    """Run every stage, those of the unused caption lane too, as DVC does."""
    folder.mkdir(exist_ok=True)
    values["machine"]["data_root"] = str(folder)
    project = Project(folder=folder)
    shutil.copy(ROOT / "dvc.yaml", folder)
    with project.params.open("w", encoding="utf-8") as stream:
        editor().dump(values, stream)
    with pytest.MonkeyPatch.context() as patch, project.at_work():
        patch.chdir(folder)  # notes of stage inputs lie beside it
        for job in graph.jobs(graph.read(ROOT / "dvc.yaml"), parameters.read(project.params)):
            project._run_job(job)
    return project


def export(whole, out):
    """Write what a person has who voted elsewhere: shares of the votes, by name of the sample."""
    samples = SAMPLES.read(whole.image / "samples.parquet")
    names, label = samples["sample_name"], samples["label_id"].to_numpy(zero_copy_only=False)
    n_labels = len(LABELS.read(whole.image / "labels.parquet"))
    for name in NAMES:
        folder = f"model={name}/layer=projector/metric=cosine"
        found = NEIGHBORS.read(whole.image / "neighbors" / folder)
        near = np.array(found["neighbor_ids"].to_pylist())
        shares = (label[near][:, :, None] == np.arange(n_labels)).sum(axis=1) / K
        own = PREDICTIONS.read(whole.image / "predictions/knn" / folder)
        assert own["sample_id"].equals(found["sample_id"])
        parts = [_rows(own, names, shares)]
        other = PREDICTIONS.read(whole.image / "reference_role/knn" / folder)
        parts.append(_rows(other, names, _any_shares(other, n_labels)))
        pq.write_table(pa.concat_tables(parts), out / f"{name}.parquet")


def _rows(guesses, names, shares):
    return pa.table(
        {
            "sample_name": names.take(guesses["sample_id"]).combine_chunks(),
            "predicted_id": guesses["predicted_id"].combine_chunks(),
            "probabilities": shares.tolist(),
        }
    )


def _any_shares(guesses, n_labels):
    """Return votes that make the guess and have the stated share of the truth: more does not count there."""
    votes = np.zeros((len(guesses), n_labels), dtype=int)
    for row, each in zip(votes, guesses.to_pylist(), strict=True):
        row[each["label_id"]] = round(each["p_truth"] * K)
        while row.sum() < K:  # the rest to the guess, or one by one to the other labels
            others = np.delete(np.arange(n_labels), each["label_id"])
            right = each["predicted_id"] == each["label_id"]
            row[others[np.argmin(row[others])] if right else each["predicted_id"]] += 1
    return votes / K


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("guesses_as_target")
    whole = run(root / "whole", settings())
    values = settings()
    values["image"]["models"] = {}
    values["image"]["predictions"] = {
        "vicreg": {
            "path": "vicreg.parquet", "trained_on": "target", "second_model": "vicreg_second", "votes": K,
        },
        "vicreg_second": {"path": "vicreg_second.parquet", "trained_on": "reference", "votes": K},
    }  # fmt: skip
    (root / "guesses").mkdir()
    export(whole, root / "guesses")
    return whole, run(root / "guesses", values)


def rows_of(table, project, path):
    return table.read(project.image / path).replace_schema_metadata(None)


@pytest.mark.slow
def test_every_table_equals_that_of_the_network_but_for_how_it_searched(runs):
    whole, guesses = runs
    how = ["layer", "metric"]
    ours, theirs = (rows_of(IMAGE_SCORES, each, "scores.parquet") for each in runs)
    assert ours.num_rows > 300
    assert theirs.drop_columns(how).equals(ours.drop_columns(how))
    assert all(theirs[name].null_count == len(theirs) for name in how)
    for table, path in (
        (MEMORIZED_SAMPLES, "memorized_samples.parquet"), (CROSSOVER, "crossover.parquet"),
    ):  # fmt: skip
        assert rows_of(table, whole, path).num_rows > 100
        assert rows_of(table, guesses, path).equals(rows_of(table, whole, path))
    assert rows_of(MEASURES, whole, "measures.parquet").num_rows > 100
    assert rows_of(MEASURES, guesses, "measures.parquet").num_rows == 0


@pytest.mark.slow
def test_the_report_has_the_numbers_of_the_network_but_for_what_needs_vectors(runs):
    texts = [(each.folder / "reports/metrics.json").read_text() for each in runs]
    assert texts[0] == texts[1]
    ours, theirs = (json.loads((each.folder / "reports/results.json").read_text()) for each in runs)
    assert ours["calibrated"]["image"]["vicreg"].pop("measures")
    assert ours["image_tables"]["image_tied_votes"].pop("vicreg")
    assert theirs == ours
    summary = (runs[1].folder / "reports/summary.md").read_text()
    assert "**vicreg** (guesses made elsewhere)" in summary
