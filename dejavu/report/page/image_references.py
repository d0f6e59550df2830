"""Figures 2a, 2b and 3a of the paper with ours: what the references guess."""

from collections.abc import Iterable, Sequence

from dejavu.report.page import cells, charts, paper
from dejavu.report.page.parts import (
    Block,
    Cell,
    Row,
    Rows,
    model_title,
    reference_title,
    target_title,
)
from dejavu.report.tables import in_order
from dejavu.targets import Target


def figure_2a(rows: Rows, heads: Sequence[Target]) -> Block:
    """Return how often each reference guesses the hidden label."""
    names = {target.name: target_title(target) for target in heads}
    seconds = {target.second_model: f"two models, {model_title(target.model)}" for target in heads}
    marks = []
    for row in rows:
        predictor = row["predictor"]
        if row["is_target"] and predictor not in names:
            continue
        title = names.get(predictor) or seconds.get(predictor)
        if title is None:
            if _is_other_layer(predictor, seconds):
                continue
            title = reference_title(predictor)
        elif row["is_target"]:
            title = f"{title} (attacked)"
        mark = cells.marked(
            {"accuracy": row["accuracy"], "accuracy_low": row["low"], "accuracy_high": row["high"]},
            "accuracy", name=title, part=row["role"],
        )  # fmt: skip
        marks.append(mark | {"shown": cells.interval(
            {**row, "accuracy_low": row["low"], "accuracy_high": row["high"]}, "accuracy", sign=False,
        ), "n": row["n"]})  # fmt: skip
    chart = charts.intervals(
        marks, names=list(dict.fromkeys(mark["name"] for mark in marks)),
        parts={role: color for role, color in
               (("target", charts.EXCESS), ("control", charts.CONTROL))
               if role in {mark["part"] for mark in marks}},
        axis="accuracy, %", number=".0f",
    )  # fmt: skip
    grid = cells.grid(
        "Accuracy of each predictor (%)",
        {"predictor": "text", "role": "text", "n": "number", "accuracy": "number"},
        [(cells.text(m["name"]), cells.text(m["part"]), cells.count(m["n"]),
          Cell(m["shown"], m["value"])) for m in marks],
        is_open=False,
    )  # fmt: skip
    said = (
        "Accuracy of each predictor of the hidden label in percent, on target and control samples."
    )
    figures = (
        [charts.figure("chart-2a", "Accuracy of each predictor", said, chart, grid)]
        if marks
        else []
    )
    return paper.block("figure-2a", figures=figures, absent="No predictions.")


def _is_other_layer(predictor: str, seconds: Iterable[str | None]) -> bool:
    """Tell whether this is a second model in a layer or metric that is not its headline."""
    return any(second and predictor.startswith(f"{second}_") for second in seconds)


def figure_2b(rows: Rows, heads: Sequence[Target]) -> Block:
    """Return the labels with most correlations, one table of all references."""
    seconds = {target.second_model: f"two models, {model_title(target.model)}" for target in heads}
    columns = {"reference": "text", "place": "number", "label": "text", "right": "number"}
    grid = cells.grid(
        "The five labels that each reference guesses right most often (target samples)",
        columns | {"of": "number", "accuracy, %": "number"},
        [
            (
                cells.text(seconds.get(row["reference"]) or reference_title(row["reference"])),
                cells.count(row["place"]),
                cells.text(row["label"]),
                cells.count(row["n_correct"]),
                cells.count(row["n"]),
                cells.percent(cells.own_bounds(row, "accuracy"), "accuracy"),
            )
            for row in rows
        ],
    )
    return paper.block("figure-2b", grids=[grid] if rows else [], absent="No reference.")


def figure_3a(rows: Rows, heads: Sequence[Target]) -> Block:
    """Return on how many samples two references are both right."""
    seconds = {target.second_model: f"two models, {model_title(target.model)}" for target in heads}

    def title(name: str) -> str:
        return seconds.get(name) or reference_title(name)

    def shown(row: Row) -> str:
        values = {
            "overlap": row["overlap"],
            "overlap_low": row.get("low"),
            "overlap_high": row.get("high"),
        }
        return cells.interval(values, "overlap", sign=False) + " %"

    marks = [
        {
            "across": title(row[across]), "down": title(row[down]), "value": row["overlap"],
            "text": "" if row["overlap"] is None else cells.plain(row["overlap"], decimals=0),
            "shown": shown(row),
        }
        for row in rows
        for across, down in (("first", "second"), ("second", "first"))
    ]  # fmt: skip
    names = in_order({row[side] for row in rows for side in ("first", "second")})
    titles = sorted(map(title, names), key=lambda name: not name.startswith("two models"))
    grid = cells.grid(
        "Agreement of two references on target samples (%)",
        {"first": "text", "second": "text", "both right": "number", "at least one right": "number",
         "overlap": "number", "plain agreement": "number"},
        [
            (
                cells.text(title(row["first"])), cells.text(title(row["second"])),
                cells.count(row["n_both_right"]), cells.count(row["n_either_right"]),
                Cell(shown(row), row["overlap"]), cells.percent(row, "agreement"),
            )
            for row in rows
        ],
        is_open=False,
    )  # fmt: skip
    said = (
        "Of the target samples that at least one of two references guesses right, the share in percent that "
        "both guess right."
    )
    figures = []
    if marks:
        chart = charts.heatmap(marks, across=titles, down=titles, axes=("", ""))
        figures = [charts.figure("chart-3a", "Overlap of right guesses, %", said, chart, grid)]
    return paper.block("figure-3a", figures=figures, absent="Fewer than two references.")
