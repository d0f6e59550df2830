"""How sure the caption lane is: every test calibrated, and what that rests on."""

from dejavu.params.report import CaptionHeadline
from dejavu.report.page import charts, formatting, interval_charts
from dejavu.report.page.elements import (
    Figure,
    Grid,
    Row,
    Rows,
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


def calibration(rows: Rows, headline: CaptionHeadline) -> list[Figure]:
    """Return, per model, one-model reference and gap: plain, bias, excess and two-model gap by setting.

    Args:
        rows: ``caption_calibration``.
        headline: what the lane opens with; its mode is drawn.
    """
    mode = headline.mode
    figures = []
    pairs = dict.fromkeys((row["target"], row["reference"]) for row in rows if row["mode"] == mode)
    for target, reference in pairs:
        if reference == SECOND_MODEL and len([pair for pair in pairs if pair[0] == target]) > 1:
            continue  # it is the band that the others are compared with
        own = [
            row for row in rows
            if (row["target"], row["reference"], row["mode"]) == (target, reference, mode)
        ]  # fmt: skip
        figures += [_calibration_figure(own, gap) for gap in _GAPS]
    return figures


def _setting(row: Row) -> str:
    return f"K = {row['k']}, {objects_title(row['top'])}"


def _calibration_figure(rows: Rows, gap: str) -> Figure:
    first = rows[0]
    parts = {
        name: (title, color)
        for name, (title, color) in _PARTS.items()
        if any(row[f"{name}_{gap}"] is not None for row in rows)
    }
    marks = [
        formatting.marked(
            formatting.of(row, f"{part}_{gap}"), name=_setting(row), part=title, factor=1.0
        )
        for row in rows
        for part, (title, _) in parts.items()
    ]
    title = f"{model_title(first['target'])} against {reference_title(first['reference'])}: {_GAPS[gap]}"
    chart = interval_charts.intervals(
        marks, names=[_setting(row) for row in rows], parts=dict(parts.values()), axis=_GAPS[gap],
        number="+.1f",
    )  # fmt: skip
    grid = formatting.grid(
        f"{title}, {first['mode']}",
        {"K": "number", "objects": "text"} | {shown: "number" for shown, _ in parts.values()},
        [
            [formatting.count(row["k"]), formatting.text(objects_title(row["top"])),
             *(
                 formatting.gap(formatting.of(row, f"{part}_{gap}"), is_strong=part == "excess")
                 for part in parts
             )]
            for row in rows
        ],
        is_open=False,
    )  # fmt: skip
    said = f"{title} in {first['mode']} mode, by neighbors and objects that count, in [-1, 1]."
    key = f"calibration-{slug(first['target'])}-{slug(first['reference'])}-{gap}"
    return charts.figure(key, title, said, chart, grid)


def exchangeability(rows: Rows, headline: CaptionHeadline) -> Grid | None:
    """Return what no model was trained on, by role: objects per image, and the references' own measures."""
    mode, k = headline.mode, headline.k
    places: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if (row["mode"], row["k"], row["top"]) == (mode, k, headline.n_top):
            places.setdefault((row["target"], row["reference"]), {})[row["role"]] = row
    both = {
        key: by_role for key, by_role in places.items() if {"target", "control"} <= set(by_role)
    }
    if not both:
        return None
    objects = objects_title(headline.top)
    measures = ("mean_objects", "mean_precision", "mean_recall")
    columns = {"model": "text", "reference": "text"}
    for measure in measures:
        words = measure.removeprefix("mean_")
        words = "objects per image" if words == "objects" else f"reference {words}"
        columns |= {f"{words}, target": "number", f"{words}, control": "number"}
    return formatting.grid(
        f"Captions: target and control are drawn alike? ({mode}, K = {k}, {objects}; means)",
        columns,
        [
            [
                formatting.text(model_title(target)), formatting.text(reference_title(reference)),
                *(formatting.number(by_role[role][measure], 3)
                  for measure in measures for role in ("target", "control")),
            ]
            for (target, reference), by_role in both.items()
        ],
    )  # fmt: skip


def planted(rows: Rows, headline: CaptionHeadline) -> Grid | None:
    """Return how well the order of samples finds those that were repeated in training."""
    mode, k = headline.mode, headline.k
    shown = [
        row for row in rows if (row["mode"], row["k"], row["top"]) == (mode, k, headline.n_top)
    ]
    if not shown:
        return None
    return formatting.grid(
        f"Captions: planted duplicates ({mode}, K = {k}, {objects_title(headline.top)})",
        {"model": "text", "reference": "text", "planted": "number", "others": "number", "AUROC": "number"},
        [
            (formatting.text(model_title(row["target"])), formatting.text(reference_title(row["reference"])),
             formatting.count(row["n_planted"]), formatting.count(row["n_other"]),
             formatting.auroc(formatting.of(row, "auroc")))
            for row in shown
        ],
    )  # fmt: skip
