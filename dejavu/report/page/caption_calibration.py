"""How sure the caption lane is: every test calibrated, and what that rests on."""

from collections.abc import Mapping, Sequence

from dejavu.params.report import CaptionHeadline
from dejavu.report.caption.records import CaptionResults, Gaps, Setting
from dejavu.report.caption.table_records import PlantedGap, RoleMeans
from dejavu.report.caption.tables import parts
from dejavu.report.page import charts, formatting, interval_charts
from dejavu.report.page.elements import (
    Figure,
    Grid,
    model_title,
    objects_title,
    reference_title,
    slug,
)
from dejavu.roles import SECOND_MODEL

_GAPS = {"ppg": "PPG", "prg": "PRG"}
_PARTS = {
    "target": ("plain, on target", charts.PLAIN),
    "control": ("on control = bias", charts.CONTROL),
    "excess": ("excess", charts.EXCESS),
    "two_model": ("two-model score", charts.TWO),
}


def calibration(results: CaptionResults, headline: CaptionHeadline) -> list[Figure]:
    """Return, per model, one-model reference and gap: plain, bias, excess and two-model gap by setting.

    Args:
        results: what the lane measured.
        headline: what the lane opens with; its mode is drawn.
    """
    figures = []
    for target, references in results.items():
        searched = {
            reference: {at: each for at, each in found.items() if at.mode == headline.mode}
            for reference, found in references.items()
        }
        searched = {reference: found for reference, found in searched.items() if found}
        for reference, found in searched.items():
            if reference == SECOND_MODEL and len(searched) > 1:
                continue  # it is the band that the others are compared with
            own = {at: parts(results, target, at, each) for at, each in found.items()}
            title = f"{model_title(target)} against {reference_title(reference)}"
            key = f"calibration-{slug(target)}-{slug(reference)}"
            figures += [_calibration_figure(key, title, own, gap) for gap in _GAPS]
    return figures


def _setting(at: Setting) -> str:
    return f"K = {at.k}, {objects_title(at.top)}"


def _calibration_figure(
    key: str, title: str, own: Mapping[Setting, Mapping[str, Gaps]], gap: str
) -> Figure:
    found = {
        at: {part: gaps.by_name()[gap] for part, gaps in by_part.items()}
        for at, by_part in own.items()
    }
    drawn = {
        name: (shown, color)
        for name, (shown, color) in _PARTS.items()
        if any(by_part[name].value is not None for by_part in found.values())
    }
    marks = [
        formatting.marked(by_part[part], name=_setting(at), part=shown, factor=1.0)
        for at, by_part in found.items()
        for part, (shown, _) in drawn.items()
    ]
    title, mode = f"{title}: {_GAPS[gap]}", next(iter(own)).mode
    chart = interval_charts.intervals(
        marks, names=[_setting(at) for at in found], parts=dict(drawn.values()), axis=_GAPS[gap],
        number="+.1f",
    )  # fmt: skip
    grid = formatting.grid(
        f"{title}, {mode}",
        {"K": "number", "objects": "text"} | {shown: "number" for shown, _ in drawn.values()},
        [
            [formatting.count(at.k), formatting.text(objects_title(at.top)),
             *(formatting.gap(by_part[part], is_strong=part == "excess") for part in drawn)]
            for at, by_part in found.items()
        ],
        is_open=False,
    )  # fmt: skip
    said = f"{title} in {mode} mode, by neighbors and objects that count, in [-1, 1]."
    return charts.figure(f"{key}-{gap}", title, said, chart, grid)


def exchangeability(rows: Sequence[RoleMeans], headline: CaptionHeadline) -> Grid | None:
    """Return what no model was trained on, by role: objects per image, and the references' own measures."""
    mode, k = headline.mode, headline.k
    places: dict[tuple[str, str], dict[str, RoleMeans]] = {}
    for row in rows:
        if row.setting == Setting.of(headline):
            places.setdefault((row.target, row.reference), {})[row.role] = row
    both = {
        key: by_role for key, by_role in places.items() if {"target", "control"} <= set(by_role)
    }
    if not both:
        return None
    objects = objects_title(headline.top)
    columns = {"model": "text", "reference": "text"}
    for words in ("objects per image", "reference precision", "reference recall"):
        columns |= {f"{words}, target": "number", f"{words}, control": "number"}
    return formatting.grid(
        f"Captions: are target and control drawn alike? ({mode}, K = {k}, {objects}; means; {_sizes(both)})",
        columns,
        [
            [
                formatting.text(model_title(target)), formatting.text(reference_title(reference)),
                *(formatting.number(mean, 3) for mean in _side_by_side(by_role)),
            ]
            for (target, reference), by_role in both.items()
        ],
    )  # fmt: skip


def _sizes(found: Mapping[tuple[str, str], Mapping[str, RoleMeans]]) -> str:
    """Return how many samples the means are of: those of the first comparison, which is as large as any."""
    target, control = (next(iter(found.values()))[role].n for role in ("target", "control"))
    return f"n = {formatting.grouped(target)} and {formatting.grouped(control)}"


def _side_by_side(by_role: Mapping[str, RoleMeans]) -> tuple[float | None, ...]:
    target, control = by_role["target"], by_role["control"]
    return (
        target.mean_objects, control.mean_objects, target.mean_precision, control.mean_precision,
        target.mean_recall, control.mean_recall,
    )  # fmt: skip


def planted(rows: Sequence[PlantedGap], headline: CaptionHeadline) -> Grid | None:
    """Return how well the order of samples finds those that were repeated in training."""
    mode, k = headline.mode, headline.k
    shown = [row for row in rows if row.setting == Setting.of(headline)]
    if not shown:
        return None
    return formatting.grid(
        f"Captions: planted duplicates ({mode}, K = {k}, {objects_title(headline.top)})",
        {"model": "text", "reference": "text", "planted": "number", "others": "number", "AUROC": "number"},
        [
            (formatting.text(model_title(row.target)), formatting.text(reference_title(row.reference)),
             formatting.count(row.n_planted), formatting.count(row.n_other), formatting.auroc(row.area))
            for row in shown
        ],
    )  # fmt: skip
