"""Charts: estimates printed, the paper's values where it prints them, chance, and one color per meaning."""

import json
import re

import pytest

from dejavu.report import paper
from dejavu.report.caption.records import Setting
from dejavu.report.image.table_records import Accuracy, LabelAccuracy
from dejavu.report.page import caption_figures, charts, image_references, interval_charts
from dejavu.report.page.marks import Interval
from tests.paths import ROOT
from tests.report.records import caption_comparison
from tests.report.world import target

CSS = (ROOT / "dejavu/templates/page/page.css").read_text(encoding="utf-8")


def mark(name, part="plain", value=1.0, low=0.5, high=1.5):
    shown = f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
    return Interval(name=name, part=part, value=value, low=low, high=high, shown=shown)


def rows_of(spec):
    return [row for rows in spec["datasets"].values() for row in rows]


def test_estimates_are_printed_at_the_right_of_their_line():
    marks = [mark("a|excess"), mark("b|excess", value=-2.0, low=-3.0, high=-1.0)]
    drawing = interval_charts.intervals(
        marks, names=[m.name for m in marks], parts={"plain": "red"}, axis="x", is_printed=True
    )
    _, svg = charts.drawn("key", drawing.chart, "words")
    starts = re.findall(r"translate\(([-\d.]+),[-\d.]+\)[^>]*>(?:<tspan>)?([^<]+)<", svg)
    text = {words: float(across) for across, words in starts}  # how far to the right
    places = {line for line in re.findall(r">([^<>]+)<", svg) if line.strip()}
    assert {"a", "b", "excess", "+1.0", "[+0.5, +1.5]", "-2.0", "[-3.0, -1.0]"} <= places
    assert text["+1.0"] > text["a"]


@pytest.mark.parametrize(("low", "high"), [(-14.8, 24.6), (-1.05, 0.75), (-30.0, 12.0)])
@pytest.mark.parametrize("is_wide", [False, True])
def test_the_line_at_zero_is_labelled(low, high, is_wide):
    name, number = "NB visual words@20 of a model", "+.0f" if high > 1 else "+.1f"
    drawing = interval_charts.intervals(
        [mark(name, low=low, high=high)],
        names=[name],
        parts={"plain": "red"},
        axis="x",
        number=number,
    )
    _, svg = charts.drawn("key", drawing.chart, "words", is_wide=is_wide)
    assert "0" in re.findall(r">([^<>]+)<", svg)


@pytest.mark.slow
def test_the_paper_s_own_values_stand_in_figure_8_where_its_tables_print_them():
    references = {
        name: {
            Setting("t2i", 10, top): caption_comparison((0.1, 0.0, 0.2), (0.1, 0.0, 0.2))
            for top in (1, 10, None)
        }
        for name in ("second_model", "text_model", "oracle")
    }
    found = caption_figures._gap_figure("clip", references, "t2i", 10, "ppg")
    shown = {
        (row["name"], row["part"], row["value"])
        for row in rows_of(found.spec)
        if str(row.get("shown", "")).startswith("paper")
    }
    assert ("second model", "top 1", 0.022) in shown
    assert {("text model", "all objects", 0.094), ("text model", "all objects", 0.156)} <= shown
    assert not [name for name, *_ in shown if name == "oracle"]
    assert {mark.name for mark in found.legend} >= set(paper.TRAINED_ON.values())
    other = caption_figures._gap_figure(
        "clip", {"text_model": {Setting("t2i", 5, 1): caption_comparison((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))}},
        "t2i", 5, "ppg",
    )  # fmt: skip
    assert "paper" not in json.dumps(rows_of(other.spec))


def accuracy(predictor, role, n_labels=20):
    return Accuracy(predictor, role, False, 100, 30, 0.3, n_labels)


def test_chance_is_a_line_that_says_what_it_is():
    block = image_references.figure_2a([accuracy("classifier", "target")], [target()])
    (figure,) = block.figures
    assert {"value": 5.0} in rows_of(figure.spec)
    assert "chance: one of 20 labels" in {mark.name for mark in figure.legend}
    block = image_references.figure_2a([accuracy("classifier", "target", 1)], [target()])
    assert not [mark for mark in block.figures[0].legend if "chance" in mark.name]


@pytest.mark.slow
def test_the_labels_with_most_correlations_are_drawn_by_family():
    rows = [
        LabelAccuracy(name, place, place, f"a|label {place}" * 4, 10, 10 - place, 1 - place / 10)
        for name in ("classifier", "naive_bayes@1", "naive_bayes@20", "vicreg_second")
        for place in range(1, 6)
    ]
    block = image_references.figure_2b(rows, [target(second="vicreg_second")])
    assert [figure.title for figure in block.figures] == [
        "second model (VICReg)", "classifier", "NB@20",
    ]  # fmt: skip
    names = {row["name"] for row in rows_of(block.figures[0].spec) if "name" in row}
    assert "1. a/label 1a/label 1a/labe…" in names
    assert len(names) == 5


def test_a_band_lies_behind_the_lines_of_its_own_model():
    marks = [mark("a|excess"), mark("b|excess")]
    band = interval_charts.Behind(
        title="crossover", value=1.0, low=0.0, high=2.0, names=("a|excess",)
    )
    drawing = interval_charts.intervals(
        marks, names=[m.name for m in marks], parts={"plain": "red"}, axis="x", bands=[band]
    )
    spec, _ = charts.drawn("key", drawing.chart, "words")
    assert [row["name"] for row in rows_of(spec) if row.get("low") == 0.0] == ["a|excess"]
    assert drawing.legend == (charts.Mark("crossover", charts.TWO, "band"),)


def light(variable):
    return re.search(rf"--{variable}: light-dark\((#\w+)", CSS)[1]


def test_colors_are_defined_once_and_mean_the_same_in_dvc_plots():
    used = {
        name for value in vars(charts).values()
        for one in (value if isinstance(value, tuple) else [value])
        if isinstance(one, str) and (name := one.removeprefix("var(--").removesuffix(")")) != one
    }  # fmt: skip
    assert len(used) > 10
    for name in used:
        assert CSS.count(f"--{name}: ") == 1
    colors = [light(name) for name in used - {"text", "muted", "line"}]
    assert len(set(colors)) == len(colors)
    tests = (ROOT / ".dvc/plots/tests.json").read_text(encoding="utf-8")
    wanted = json.dumps([light(name) for name in ("plain", "control", "excess")])
    assert f'"range": {wanted}' in tests
    by_reference = (ROOT / ".dvc/plots/by_reference.json").read_text(encoding="utf-8")
    assert f'"range": ["{light("two")}"' in by_reference
