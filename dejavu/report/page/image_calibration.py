"""How sure the image lane is: every test calibrated, the list of memorized samples, and what it rests on."""

from collections.abc import Iterable, Mapping, Sequence

from dejavu.image.targets import Target
from dejavu.report.excess import Excess
from dejavu.report.image.exchangeability import Exchangeability, ReferenceAccuracy
from dejavu.report.image.records import Comparison, ImageResults
from dejavu.report.image.tables import in_order, pairs
from dejavu.report.numbers import NOTHING, Estimate
from dejavu.report.page import charts, formatting, interval_charts
from dejavu.report.page.elements import (
    MOST_NAMED,
    Cell,
    Figure,
    Grid,
    model_title,
    reference_title,
    slug,
    some_of,
)  # fmt: skip
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL

_THREE = {
    "plain, on target": charts.PLAIN, "on control = bias": charts.CONTROL, "excess": charts.EXCESS,
}  # fmt: skip
_POINTS = "percentage points"


def calibration(
    results: ImageResults,
    heads: Sequence[Target],
    settings: ImageSettings,
    excesses: Mapping[str, Excess],
) -> list[Figure]:
    """Return one figure per model: every test plain, its bias and its excess.

    Behind them lies what excesses should meet: the crossover of two trainings, else the two-model score.
    """
    return [
        _calibration(results[target.name], target, settings, excesses.get(target.name))
        for target in heads
    ]


def _behind(
    references: Mapping[str, Comparison], excess: Excess | None
) -> interval_charts.Behind | None:
    crossed = excess and excess.crossover and excess.crossover.hard
    if crossed:
        low, high = crossed.interval()
        title, value = "crossover of two trainings", crossed.value
    elif SECOND_MODEL in references:
        second = references[SECOND_MODEL].target.scores.dejavu_score
        if second.value is None or second.low is None or second.high is None:
            return None
        title, value, low, high = "two-model score", second.value, second.low, second.high
    else:
        return None
    return interval_charts.Behind(title=title, value=100 * value, low=100 * low, high=100 * high)


def _calibration(
    references: Mapping[str, Comparison],
    target: Target,
    settings: ImageSettings,
    excess: Excess | None,
) -> Figure:
    names = in_order(references)
    marks = []
    for name in names:
        each = references[name]
        for part, found in zip(_THREE, (each.target, each.control, each.excess), strict=True):
            if found is not None:
                score = found.scores.dejavu_score
                marks.append(formatting.marked(score, name=reference_title(name), part=part))
    band, beside = _behind(references, excess), ""
    if band is not None:
        shown = Estimate(value=band.value, low=band.low, high=band.high)
        beside = f" The shaded band is the {band.title}, {formatting.interval(shown, factor=1.0)}."
    chart = interval_charts.intervals(
        marks, names=[reference_title(name) for name in names], axis=_POINTS,
        bands=[] if band is None else [band],
        parts={part: color for part, color in _THREE.items() if part in {m.part for m in marks}},
    )  # fmt: skip
    title = f"{model_title(target.model)}: every test, calibrated"
    said = f"Déjà vu score of each of {len(names)} references in percentage points.{beside}"
    grid = _calibration_grid(f"{title} ({_POINTS})", references, names, settings)
    return charts.figure(f"calibration-{slug(target.name)}", title, said, chart, grid)


def _calibration_grid(
    caption: str,
    references: Mapping[str, Comparison],
    names: Iterable[str],
    settings: ImageSettings,
) -> Grid:
    columns = {"reference": "text", "on target": "number"}
    has_control = any(each.excess for each in references.values())
    has_oracle = any(each.bias_oracle for each in references.values())
    percents = settings.score.at_percent
    if has_control:
        columns |= {"on control = bias": "number", "excess": "number"}
        columns |= {f"excess at {p} %": "number" for p in percents}
    if has_oracle:
        columns |= {"bias against the oracle": "number"}
    rows, at_p = [], []
    for name in names:
        each = references[name]
        row = [
            formatting.text(reference_title(name)),
            formatting.points(each.target.scores.dejavu_score),
        ]
        if each.control and each.excess:
            row.append(formatting.points(each.control.scores.dejavu_score))
            row.append(formatting.points(each.excess.scores.dejavu_score, is_strong=True))
            at_p += [each.excess.scores.at[p].own for p in percents]
            row += [formatting.points(each.excess.scores.at[p].own) for p in percents]
        if has_oracle:
            row.append(formatting.points(each.bias_oracle or NOTHING))
        rows.append(row)
    return formatting.grid(formatting.noted(caption, at_p), columns, rows, is_open=False)


def precision(results: ImageResults, heads: Sequence[Target], settings: ImageSettings) -> Grid:
    """Return how many samples are flagged, and how many of them not by chance."""
    percents = settings.report.false_positive_percent
    columns = {
        "model": "text",
        "reference": "text",
        "flagged: target": "number",
        "flagged: control": "number",
        "estimated precision": "number",
    }
    for percent in percents:
        columns |= {
            f"share at {percent} % false positives": "number",
            f"precision at {percent} %": "number",
        }
    rows, cuts = [], []
    for target, name, each in pairs(results, heads):
        if each.control is None or each.excess is None:
            continue
        row = [
            formatting.text(model_title(target.model)), formatting.text(reference_title(name)),
            formatting.percent(each.target.scores.memorized_share),
            formatting.percent(each.control.scores.memorized_share),
            formatting.percent(each.excess.estimated_precision),
        ]  # fmt: skip
        for percent in percents:
            found = each.excess.detection[percent]
            cuts += [found.memorized_share, found.estimated_precision]
            row += [
                formatting.percent(found.memorized_share),
                formatting.percent(found.estimated_precision),
            ]
        rows.append(row)
    return formatting.grid(
        formatting.noted(
            "Samples that the target gets right and the reference wrong (%, with 95 % intervals)",
            cuts,
        ),
        columns,
        rows,
    )


def exchangeability(found: Exchangeability) -> tuple[list[Figure], list[Grid]]:
    """Return the checks that control and target samples are alike."""
    figures = [_accuracy_figure(found.accuracies)] if found.accuracies else []
    if not found.tests:
        return figures, []
    grid = formatting.grid(
        "Tests that target and control are drawn alike",
        {"test": "text", "n target": "number", "n control": "number", "p": "number"},
        [
            (
                formatting.text(each.name),
                formatting.count(each.n_target),
                formatting.count(each.n_control),
                formatting.p_value(each.p),
            )
            for each in found.tests
        ],
    )
    return figures, [grid]


def _accuracy_figure(accuracies: Sequence[ReferenceAccuracy]) -> Figure:
    marks = []
    for each in accuracies:
        whose = "" if each.target_name is None else f" ({model_title(each.target_name)})"
        name = f"{reference_title(each.reference)}{whose}"
        marks.append(formatting.marked(each.difference, name=name, part="difference"))
    drawn = marks[:MOST_NAMED]
    chart = interval_charts.intervals(
        drawn, names=[mark.name for mark in drawn], parts={"difference": charts.OTHER},
        axis="accuracy, target − control, percentage points",
    )  # fmt: skip
    grid = formatting.grid(
        "Reference accuracy on target and control (%)",
        {"reference": "text", "target": "number", "control": "number", "difference": "number"},
        [
            (
                formatting.text(mark.name), formatting.percent(Estimate(value=each.target)),
                formatting.percent(Estimate(value=each.control)), Cell(mark.shown, mark.value),
            )
            for each, mark in zip(accuracies, marks, strict=True)
        ],
        is_open=False,
    )  # fmt: skip
    said = (
        "Difference between a reference's accuracy on target and on control samples. No reference was "
        "trained on either, so intervals should hold zero, about one in twenty excepted."
    )
    told = some_of(len(drawn), len(marks), "the table below")
    title = f"Do references do as well on both roles?{told}"
    return charts.figure("exchangeability", title, said, chart, grid, is_wide=True)


def planted(results: ImageResults, heads: Sequence[Target]) -> Grid | None:
    """Return how well memorization confidence finds samples that were repeated in training."""
    shown = [
        (target, name, found)
        for target, name, each in pairs(results, heads)
        if (found := each.target.planted) is not None
    ]
    if not shown:
        return None
    return formatting.grid(
        "Planted duplicates: does memorization confidence find them?",
        {"model": "text", "reference": "text", "planted": "number", "flagged": "number",
         "others": "number", "flagged (others)": "number", "AUROC": "number"},
        [
            (
                formatting.text(model_title(target.model)), formatting.text(reference_title(name)),
                formatting.count(found.n_planted), formatting.count(found.n_planted_memorized),
                formatting.count(found.n_other), formatting.count(found.n_other_memorized),
                formatting.auroc(found.auroc),
            )
            for target, name, found in shown
        ],
    )  # fmt: skip


def layers(results: ImageResults, targets: Sequence[Target]) -> Grid | None:
    """Return layers and metrics side by side, for the reference that every model has first."""
    shown = [
        (target, in_order(results[target.name])[0])
        for target in targets
        if results.get(target.name)
    ]
    if not shown:
        return None
    found = [(target, name, results[target.name][name]) for target, name in shown]
    return formatting.grid(
        "Layers and metrics of each model (percentage points)",
        {"model": "text", "layer": "text", "metric": "text", "reference": "text",
         "score on target": "number", "excess": "number"},
        [
            (
                formatting.text(model_title(target.model)), formatting.text(target.layer or "–"),
                formatting.text(target.metric or "–"), formatting.text(reference_title(name)),
                formatting.points(each.target.scores.dejavu_score),
                formatting.points(
                    each.excess.scores.dejavu_score if each.excess else NOTHING, is_strong=True
                ),
            )
            for target, name, each in found
        ],
    )  # fmt: skip
