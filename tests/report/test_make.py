import csv
import json
import re

import numpy as np
import pytest

from dejavu.errors import ArtifactError
from dejavu.report import headline, markdown
from dejavu.report.calibration import Calibration
from dejavu.report.image import tables
from dejavu.tables import queries
from dejavu.tables.schemas import IMAGE_SCORES
from tests.report.records import comparison
from tests.report.world import build, report, settings, target

pytestmark = pytest.mark.slow  # they share a report, which takes seconds

N = 120


def answers(*names, n=N):
    found = {}
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        found[name] = (rng.random(n) < 0.3 + 0.2 * (name == "vicreg"), rng.integers(0, 9, n) / 4)
    return found


NAMES = (
    "vicreg", "vicreg_second", "vicreg_backbone", "vicreg_second_backbone", "dino", "dino_second",
    "classifier", "naive_bayes@1", "naive_bayes@5", "naive_bayes_visual_words@1", "oracle",
)  # fmt: skip
TARGETS = [
    target(),
    target("vicreg_backbone", "vicreg_second_backbone", layer="backbone", is_headline=False),
    target("dino", "dino_second"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build(
        tmp_path_factory.mktemp("world"), n_target=70, n_control=50, answers=answers(*NAMES),
        targets=TARGETS, planted=np.arange(N) % 5 == 0, consensus_of=["classifier", "naive_bayes@5"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def reports(world, tmp_path_factory):
    return report(world, tmp_path_factory.mktemp("reports"))


def read_csv(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_same_inputs_give_the_same_bytes(world, reports, tmp_path):
    assert files(report(world, tmp_path / "again")) == files(reports)


def test_every_number_in_json_is_finite_and_every_share_a_fraction(reports):
    def leaves(node, path=()):
        if isinstance(node, dict):
            for name, value in node.items():
                yield from leaves(value, (*path, name))
        elif isinstance(node, list):
            for value in node:
                yield from leaves(value, path)
        else:
            yield path, node

    text = (reports / "results.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    for path, value in leaves(json.loads(text)["image"]):
        name = path[-1]
        if isinstance(value, float) and "cut_" not in name and "precision" not in name:
            assert -2 <= value <= 2, path  # the interval of a difference of scores can pass 1
        if name.removesuffix("_reason") != name:
            assert isinstance(value, str)


def test_null_always_has_a_reason(reports):
    def check(node):
        for name, value in node.items():
            if isinstance(value, dict):
                check(value)
            elif value is None:
                assert f"{name.removesuffix('_ci95')}_reason" in node, name

    check(json.loads((reports / "results.json").read_text())["image"])


def test_metrics_are_few_and_two_levels_deep(reports):
    metrics = json.loads((reports / "metrics.json").read_text())
    assert set(metrics) == {"vicreg", "dino"}
    assert sum(len(node) for node in metrics.values()) <= headline.MAX_VALUES
    assert list(metrics["vicreg"]) == sorted(metrics["vicreg"])
    numbers = ("excess_points", "two_model_points")
    bounds = {f"{name}{end}" for name in numbers for end in ("", "_low", "_high")}
    assert set(metrics["vicreg"]) == bounds | {"verdict"}


def test_metrics_repeat_the_results_in_points(reports):
    metrics = json.loads((reports / "metrics.json").read_text())["vicreg"]
    results = json.loads((reports / "results.json").read_text())
    excess = results["calibrated"]["image"]["vicreg"]["adjusted"]
    told = [metrics[f"excess_points{end}"] for end in ("", "_low", "_high")]
    assert told == pytest.approx([100 * each for each in (excess["value"], *excess["ci95"])])
    second = results["image"]["vicreg"]["second_model"]["target"]
    assert metrics["two_model_points"] == pytest.approx(100 * second["dejavu_score"])


@pytest.mark.parametrize(("n_models", "n_each"), [(1, 4 + 3), (4, 4), (6, 4), (9, 4)])
def test_many_models_share_the_24_values(n_models, n_each):
    targets = [target(f"m{i}") for i in range(n_models)]
    references = {
        name: comparison(score=(0.1, 0.05, 0.15)) for name in ("second_model", "classifier")
    }
    results = {t.name: references for t in targets}
    nothing = Calibration(image=None, caption=None, answers={}, negative_controls={})
    found = headline.metrics(results, {}, nothing, settings(targets), None)
    assert {len(numbers) for numbers in found.values()} == {n_each}
    assert len(found) == min(n_models, 6)
    assert (found["m0"]["score_points_low"], found["m0"]["verdict"]) == (5.0, "uncalibrated")


def test_tables_repeat_the_results(reports):
    results = json.loads((reports / "results.json").read_text())["image"]
    for row in read_csv(reports / "tables" / "image_scores.csv"):
        node = results[row["target"]][row["reference"]][row["role"]]
        assert float(row["dejavu_score"]) == node["dejavu_score"]
        assert [float(row["dejavu_score_low"]), float(row["dejavu_score_high"])] == node[
            "dejavu_score_ci95"
        ]
    for row in read_csv(reports / "tables" / "image_calibration.csv"):
        node = results[row["target"]][row["reference"]]
        assert float(row["excess"]) == node["excess"]["dejavu_score"]
        assert float(row["control_score"]) == node["bias"]["control"]


def test_every_table_is_named_by_the_query_behind_it(reports):
    fed = " ".join(queries.feeds(name) for name in queries.names())
    written = {file.stem for file in (reports / "tables").glob("*.csv")}
    assert "plot_image" in written
    assert written <= set(re.findall(r"(\w+)\.csv", fed))


def test_naive_bayes_is_listed_by_annotator_and_k(reports):
    rows = read_csv(reports / "tables" / "image_naive_bayes.csv")
    first = [(r["annotator"], r["top_k"]) for r in rows if r["target"] == "vicreg"]
    assert first == [("first", "1"), ("first", "5"), ("visual_words", "1")]


def test_intervals_of_reference_tables_hold_their_value(reports):
    for name, value in (
        ("agreement", "overlap"),
        ("intersection", "share"),
        ("correlations_by_class", "accuracy"),
    ):
        rows = read_csv(reports / "tables" / f"image_{name}.csv")
        assert rows, name
        for row in rows:
            if row["low"]:
                assert float(row["low"]) <= float(row[value]) + 1e-6
                assert float(row[value]) <= float(row["high"]) + 1e-6
    papers = {
        r["reference"]: r["paper"] for r in rows_of(reports, "intersection") if r["scope"] == "all"
    }
    assert papers["classifier"] == "0.5802"
    assert papers["oracle"] == ""


def rows_of(reports, name):
    return read_csv(reports / "tables" / f"image_{name}.csv")


def test_the_summary_opens_with_the_excess_of_each_model(reports):
    text = (reports / "summary.md").read_text()
    answer = text.split("\n## ")[1]
    assert answer.startswith("The answer")
    assert "**vicreg** (projector, l2): excess **" in answer
    assert "**dino** (projector, l2): excess **" in answer
    assert "n = 70" in answer
    assert (
        text.index("## The answer")
        < text.index("calibrated")
        < text.index("What this does not say")
    )


def test_every_table_of_the_summary_is_well_formed(reports):
    lines = (reports / "summary.md").read_text().splitlines()
    previous = None
    for line in lines:
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            assert previous in (None, cells), line
            previous = cells
        else:
            previous = None


def test_without_control_the_summary_says_uncalibrated(tmp_path):
    world = build(
        tmp_path / "w", n_target=40, n_control=0, answers=answers("vicreg", "vicreg_second", n=40)
    )
    text = (report(world, tmp_path / "r") / "summary.md").read_text()
    assert "**Uncalibrated**" in text
    assert "excess **" not in text
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    assert "excess" not in results["image"]["vicreg"]["second_model"]


def test_scores_of_another_split_are_refused(tmp_path):
    world = build(
        tmp_path, n_target=20, n_control=20, answers=answers("vicreg", "classifier", n=40)
    )
    file = tmp_path / "image" / "scores.parquet"
    IMAGE_SCORES.write(IMAGE_SCORES.read(file), file, inputs={"split": "another"})
    with pytest.raises(ArtifactError, match="do not belong together"):
        report(world, tmp_path / "reports")


def test_one_model_only_and_no_memorized_sample_still_make_a_report(tmp_path):
    nobody = (np.zeros(40, dtype=bool), np.zeros(40))
    world = build(
        tmp_path, n_target=20, n_control=20, answers={"vicreg": nobody, "classifier": nobody},
        knows_truth=False,
    )  # fmt: skip
    out = report(world, tmp_path / "reports")
    assert rows_of(out, "most_memorized") == []
    assert rows_of(out, "intersection") == []
    assert rows_of(out, "planted") == []
    assert "at most 0.0 points" in (out / "summary.md").read_text()


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "+12.3"), (-0.0001, "0.0"), (0.0, "0.0"), (-0.055, "−5.5")]
)
def test_points_are_signed_and_zero_has_no_sign(value, shown):
    assert markdown.points(value) == shown


def test_references_are_told_in_reading_order():
    names = ["oracle", "naive_bayes@20", "naive_bayes@5", "consensus", "classifier", "second_model"]
    assert tables.in_order(names) == [
        "second_model", "classifier", "naive_bayes@5", "naive_bayes@20", "consensus", "oracle",
    ]  # fmt: skip


def test_two_crops_in_all_make_a_report(tmp_path):
    """A comparison of one area with one other has no p-value."""
    one = {name: (np.zeros(2, bool), np.zeros(2)) for name in ("vicreg", "vicreg_second")}
    world = build(
        tmp_path / "world", n_target=1, n_control=1, answers=one, references=["second_model"]
    )
    found = json.loads((report(world, tmp_path / "reports") / "results.json").read_text())
    drawn = found["image_tables"]["image_exchangeability"]["crop_area"]
    assert [test["p"] for test in drawn.values()] == [None]
