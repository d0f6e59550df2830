"""Figures 4, 8, 9 and Tables 2 to 5 of the paper with ours."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from dejavu.params.report import CaptionHeadline
from dejavu.report import paper
from dejavu.report.caption.records import CaptionResults, Comparison, Setting
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.page import charts, formatting, interval_charts, paper_blocks
from dejavu.report.page.elements import (
    Block,
    Cell,
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


def figure_4(rows: Rows, headline: CaptionHeadline) -> Block:
    """Return how alike the objects are that the second model and the text model get right."""
    target, mode = headline.target, headline.mode
    who = {
        "target": target,
        "mode": mode,
        "role": "target",
        "first": SECOND_MODEL,
        "second": "text_model",
    }
    own = [row for row in rows if who.items() <= row.items()]
    largest = max((row["first_k"] for row in own), default=None)
    panels = {
        "a": ("Figure 4a: all objects, by neighbors", "k", [
            row for row in own if row["first_top"] == row["second_top"] == "all"
        ]),
        "b": (f"Figure 4b: by objects, {largest} neighbors", "top", [
            row for row in own if row["first_k"] == row["second_k"] == largest
        ]),
    }  # fmt: skip
    figures = tuple(
        _agreement_figure(f"chart-4{letter}", title, by, chosen)
        for letter, (title, by, chosen) in panels.items()
        if chosen
    )
    absent = "It needs both a second model and a text model."
    return paper_blocks.block("figure-4", figures=figures, absent=absent)


def _agreement_figure(key: str, title: str, by: str, rows: Rows) -> Figure:
    def name(row: Row, side: str) -> str:
        value = row[f"{side}_{by}"]
        return f"K = {value}" if by == "k" else objects_title(value)

    marks = [
        {"across": name(row, "second"), "down": name(row, "first"), "value": row["jaccard"],
         "text": formatting.plain(row["jaccard"], 1.0, 2),
         "shown": formatting.interval(
             formatting.own_bounds(row, "jaccard"), factor=1.0, decimals=3, sign=False
         ) + _paper_text(row)}
        for row in rows
    ]  # fmt: skip
    chart = charts.heatmap(
        marks, across=list(dict.fromkeys(mark["across"] for mark in marks)),
        down=list(dict.fromkeys(mark["down"] for mark in marks)), axes=("text model", "second model"),
    )  # fmt: skip
    grid = formatting.grid(
        f"{title}: mean Jaccard similarity",
        {"second model": "text", "text model": "text", "ours": "number", "paper": "number"},
        [
            (formatting.text(mark["down"]), formatting.text(mark["across"]),
             Cell(mark["shown"].partition("; ")[0], mark["value"]), formatting.number(row["paper"], 2))
            for mark, row in zip(marks, rows, strict=True)
        ],
        is_open=False,
    )  # fmt: skip
    said = f"{title}. Mean Jaccard similarity of correctly predicted objects, darker is more alike."
    return charts.figure(key, title, said, chart, grid)


def _paper_text(row: Row) -> str:
    return "" if row.get("paper") is None else f"; paper {row['paper']:.2f}"


def figure_8(results: CaptionResults, captions: CaptionSettings) -> Block:
    """Return PPG and PRG of every test at the headline K, by objects that count."""
    figures = []
    assert captions.headline is not None
    k = captions.headline.k
    for target, references in results.items():
        modes = dict.fromkeys(at.mode for by_setting in references.values() for at in by_setting)
        figures += [
            found
            for mode in modes
            for gap in _GAPS
            if (found := _gap_figure(target, references, mode, k, gap)) is not None
        ]
    return paper_blocks.block("figure-8", figures=figures, absent=f"Nothing at K = {k}.")


def _gap_figure(
    target: str,
    references: Mapping[str, Mapping[Setting, Comparison]],
    mode: str,
    k: int,
    gap: str,
) -> Figure | None:
    settings = dict.fromkeys(
        at
        for by_setting in references.values()
        for at in by_setting
        if (at.mode, at.k) == (mode, k)
    )
    parts = {
        objects_title(at.top): charts.OBJECTS[place % len(charts.OBJECTS)]
        for place, at in enumerate(settings)
    }
    found = [
        (name, at, each.target.gaps.by_name()[gap])
        for name in sorted(references, key=_reading_order)
        for at in settings
        if (each := references[name].get(at)) is not None and each.target is not None
    ]
    if not found:
        return None
    marks = [
        formatting.marked(each, name=reference_title(name), part=objects_title(at.top), factor=1.0)
        for name, at, each in found
    ]
    title = f"{model_title(target)}, {mode}: {_GAPS[gap]}"
    chart = interval_charts.intervals(
        marks, names=list(dict.fromkeys(mark["name"] for mark in marks)), parts=parts, number="+.1f",
        axis=f"{_GAPS[gap]} on target, K = {k}", beside=_paper_marks(found, mode, k, gap),
    )  # fmt: skip
    grid = formatting.grid(
        f"{title} on target, K = {k}",
        {"reference": "text", "objects": "text", _GAPS[gap]: "number"},
        [
            (formatting.text(m["name"]), formatting.text(m["part"]), Cell(m["shown"], m["value"]))
            for m in marks
        ],
        is_open=False,
    )  # fmt: skip
    said = (
        f"{title} on target samples by reference and objects that count, K = {k}; not calibrated."
    )
    return charts.figure(f"chart-8-{slug(target)}-{mode}-{gap}", title, said, chart, grid)


def _paper_marks(
    found: Sequence[tuple[str, Setting, Any]], mode: str, k: int, gap: str
) -> list[interval_charts.Beside]:
    """Return the paper's gaps on the lines of ours: those that Figure 8 draws and Tables 3 and 5 print."""
    if k != paper.TABLES_K:
        return []
    marks: dict[str, list[dict[str, Any]]] = {}
    for name, at, _ in found:
        for table, pair in paper.caption_gaps("top", name, mode, at.top).items():
            value = pair[list(_GAPS).index(gap)]
            if value is not None:
                row = {"name": reference_title(name), "part": objects_title(at.top), "value": value}
                marks.setdefault(table, []).append(row | {"shown": f"paper: {value:.3f}"})
    return [
        interval_charts.Beside(title=paper.TRAINED_ON[table], rows=marks[table], shape=shape)
        for table, shape in (("table_3", "hollow"), ("table_5", "stroke"))
        if table in marks
    ]


def _reading_order(name: str) -> tuple[int, str]:
    return {SECOND_MODEL: 0, "oracle": 2}.get(name, 1), name


def figure_9(rows: Rows, headline: CaptionHeadline, results: CaptionResults) -> Block:
    """Return the gaps of the first L samples, most memorized first."""
    mode = headline.mode
    figures = []
    for target in results:
        reference = next(
            (name for name in ("text_model", SECOND_MODEL) if name in results[target]), None
        )
        who = {
            "target": target,
            "reference": reference,
            "mode": mode,
            "top": headline.n_top,
            "role": "target",
        }
        own = [row for row in rows if who.items() <= row.items()]
        figures += [
            _top_l_figure(target, str(reference), own, column, name)
            for column, name in (
                ("precision_gap", "precision gap"), ("recall_gap", "recall gap"), ("f_gap", "F gap"),
            )
            if own
        ]  # fmt: skip
    return paper_blocks.block("figure-9", figures=figures, absent="Nothing to draw.")


def _top_l_figure(target: str, reference: str, rows: Rows, column: str, name: str) -> Figure:
    measured = {row["k"] for row in rows}
    drawn = measured & set(paper.FIGURE_9_K) or measured
    points = [
        {"x": row["length"], "series": f"K = {row['k']}", "value": round(row[column], 4),
         "low": _rounded(row[f"{column}_low"]), "high": _rounded(row[f"{column}_high"]),
         "shown": formatting.interval(formatting.of(row, column), factor=1.0, decimals=3)}
        for row in rows
        if row["k"] in drawn
    ]  # fmt: skip
    series = list(dict.fromkeys(point["series"] for point in points))
    colors = dict(zip(series, itertools.cycle(charts.NEAR), strict=False))
    title = f"{model_title(target)} against {reference_title(reference)}: {name}"
    by_length: dict[int, dict[str, str]] = {}
    for point in points:
        by_length.setdefault(point["x"], {})[point["series"]] = point["shown"]
    grid = formatting.grid(
        f"{title} of the first L samples; intervals from L = 30",
        {"L": "number"} | dict.fromkeys(series, "number"),
        [[formatting.count(length), *(formatting.text(found.get(one)) for one in series)]
         for length, found in sorted(by_length.items())],
        is_open=False,
    )  # fmt: skip
    chart = charts.lines(points, series=colors, axes=("first L samples", name))
    said = f"{title} of the first L samples, most memorized first, by K; shaded: 95 % intervals."
    return charts.figure(f"chart-9-{slug(target)}-{column}", title, said, chart, grid)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def tables_2_to_5(made: Mapping[str, Rows], results: CaptionResults) -> list[Block]:
    """Return the gaps by neighbors (Tables 2, 4) and by objects (Tables 3, 5) beside the paper's."""
    blocks = []
    for name, numbers in (("caption_by_neighbors", (2, 4)), ("caption_by_objects", (3, 5))):
        how = "by neighbors" if name == "caption_by_neighbors" else "by objects"
        grids = [_paper_grid(made[name], target, numbers, how) for target in results]
        blocks.append(
            paper_blocks.block(
                f"tables-{numbers[0]}-{numbers[1]}",
                grids=[grid for grid in grids if grid.rows],
                absent="No comparison of this run has these settings.",
            )
        )
    return blocks


def _paper_grid(rows: Rows, target: str, numbers: Sequence[int], how: str) -> Grid:
    columns = {"reference": "text", "mode": "text", "K": "number", "objects": "text"}
    for gap in _GAPS.values():
        columns |= {gap: "number"} | {f"{gap}, Table {number}": "number" for number in numbers}
    shown = []
    for row in sorted(rows, key=lambda row: _reading_order(row["reference"])):
        if row["target"] != target:
            continue
        line = [
            formatting.text(reference_title(row["reference"])), formatting.text(row["mode"]),
            formatting.count(row["k"]), formatting.text(objects_title(row["top"])),
        ]  # fmt: skip
        for gap in _GAPS:
            line.append(formatting.gap(formatting.of(row, gap)))
            line += [
                formatting.number(row.get(f"paper_table_{number}_{gap}")) for number in numbers
            ]
        shown.append(line)
    caption = (
        f"{model_title(target)}: plain gaps on target samples {how}, and the paper’s beside them"
    )
    return formatting.grid(caption, columns, shown)
