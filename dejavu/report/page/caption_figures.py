"""Figures 4, 8, 9 and Tables 2 to 5 of the paper with ours."""

import itertools
from collections.abc import Mapping, Sequence

from dejavu.params.report import CaptionHeadline
from dejavu.report import paper
from dejavu.report.caption.records import CaptionResults, Comparison, Setting
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.caption.table_records import Agreement, BesidePaper, CaptionTables, TopL
from dejavu.report.page import charts, formatting, interval_charts, paper_blocks
from dejavu.report.page.elements import (
    Block,
    Cell,
    Figure,
    Grid,
    model_title,
    objects_title,
    reference_title,
    slug,
)
from dejavu.report.page.marks import Bounded, PaperValue, Shade
from dejavu.roles import ORACLE, SECOND_MODEL, TARGET, TEXT_MODEL

_GAPS = {"ppg": "PPG", "prg": "PRG"}


def figure_4(rows: Sequence[Agreement], headline: CaptionHeadline) -> Block:
    """Return how alike the objects are that the second model and the text model get right."""
    wanted = (headline.target, headline.mode, TARGET, SECOND_MODEL, TEXT_MODEL)
    own = [
        row
        for row in rows
        if (row.pair.target, row.pair.mode, row.pair.role, row.pair.first, row.pair.second)
        == wanted
    ]
    largest = max((row.pair.first_k for row in own), default=None)
    panels = {
        "a": ("Figure 4a: all objects, by neighbors", "k", [
            row for row in own if row.pair.first_top is None and row.pair.second_top is None
        ]),
        "b": (f"Figure 4b: by objects, {largest} neighbors", "top", [
            row for row in own if row.pair.first_k == row.pair.second_k == largest
        ]),
    }  # fmt: skip
    figures = tuple(
        _agreement_figure(f"chart-4{letter}", title, by, chosen)
        for letter, (title, by, chosen) in panels.items()
        if chosen
    )
    absent = "It needs both a second model and a text model."
    return paper_blocks.block("figure-4", figures=figures, absent=absent)


def _agreement_figure(key: str, title: str, by: str, rows: Sequence[Agreement]) -> Figure:
    def name(k: int, top: int | None) -> str:
        return f"K = {k}" if by == "k" else objects_title(top)

    ours = [formatting.interval(row.jaccard, factor=1.0, decimals=3, sign=False) for row in rows]
    marks = [
        Shade(
            across=name(row.pair.second_k, row.pair.second_top),
            down=name(row.pair.first_k, row.pair.first_top),
            value=row.jaccard.value, text=formatting.plain(row.jaccard.value or 0, 1.0, 2),
            shown=shown if row.paper is None else f"{shown}; paper {row.paper:.2f}",
        )
        for row, shown in zip(rows, ours, strict=True)
    ]  # fmt: skip
    chart = charts.heatmap(
        marks, across=list(dict.fromkeys(mark.across for mark in marks)),
        down=list(dict.fromkeys(mark.down for mark in marks)), axes=("text model", "second model"),
    )  # fmt: skip
    grid = formatting.grid(
        f"{title}: mean Jaccard similarity",
        {"second model": "text", "text model": "text", "ours": "number", "paper": "number"},
        [
            (formatting.text(mark.down), formatting.text(mark.across), Cell(shown, mark.value),
             formatting.number(row.paper, 2))
            for mark, row, shown in zip(marks, rows, ours, strict=True)
        ],
        is_open=False,
    )  # fmt: skip
    said = f"{title}. Mean Jaccard similarity of correctly predicted objects, darker is more alike."
    return charts.figure(key, title, said, chart, grid)


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
    beside = _paper_marks([(name, at) for name, at, _ in found], mode, k, gap)
    marks = [
        formatting.marked(each, name=reference_title(name), part=objects_title(at.top), factor=1.0)
        for name, at, each in found
    ]
    title = f"{model_title(target)}, {mode}: {_GAPS[gap]}"
    chart = interval_charts.intervals(
        marks, names=list(dict.fromkeys(mark.name for mark in marks)), parts=parts, number="+.1f",
        axis=f"{_GAPS[gap]} on target, K = {k}", beside=beside,
    )  # fmt: skip
    grid = formatting.grid(
        f"{title} on target, K = {k}",
        {"reference": "text", "objects": "text", _GAPS[gap]: "number"},
        [
            (formatting.text(m.name), formatting.text(m.part), Cell(m.shown, m.value))
            for m in marks
        ],
        is_open=False,
    )  # fmt: skip
    said = (
        f"{title} on target samples by reference and objects that count, K = {k}; not calibrated."
    )
    return charts.figure(f"chart-8-{slug(target)}-{mode}-{gap}", title, said, chart, grid)


def _paper_marks(
    found: Sequence[tuple[str, Setting]], mode: str, k: int, gap: str
) -> list[interval_charts.Beside]:
    """Return the paper's gaps on the lines of ours: those that Figure 8 draws and Tables 3 and 5 print."""
    if k != paper.TABLES_K:
        return []
    marks: dict[int, list[PaperValue]] = {}
    for name, at in found:
        for table, pair in paper.caption_gaps("top", name, mode, at.top).items():
            value = pair[list(_GAPS).index(gap)]
            if value is not None:
                mark = PaperValue(
                    name=reference_title(name), part=objects_title(at.top), value=value,
                    shown=f"paper: {value:.3f}",
                )  # fmt: skip
                marks.setdefault(table, []).append(mark)
    return [
        interval_charts.Beside(title=paper.TRAINED_ON[table], values=marks[table], shape=shape)
        for table, shape in ((3, "hollow"), (5, "stroke"))
        if table in marks
    ]


def _reading_order(name: str) -> tuple[int, str]:
    return {SECOND_MODEL: 0, ORACLE: 2}.get(name, 1), name


def figure_9(rows: Sequence[TopL], headline: CaptionHeadline, results: CaptionResults) -> Block:
    """Return the gaps of the first L samples, most memorized first."""
    mode = headline.mode
    figures = []
    for target in results:
        reference = next(
            (name for name in (TEXT_MODEL, SECOND_MODEL) if name in results[target]), None
        )
        own = [
            row
            for row in rows
            if (row.target, row.reference, row.role) == (target, reference, TARGET)
            and (row.mode, row.top) == (mode, headline.n_top)
        ]
        figures += [
            _top_l_figure(target, str(reference), own, gap)
            for gap in ("precision", "recall", "F")
            if own
        ]
    return paper_blocks.block("figure-9", figures=figures, absent="Nothing to draw.")


def _top_l_figure(target: str, reference: str, rows: Sequence[TopL], gap: str) -> Figure:
    measured = {row.k for row in rows}
    drawn = measured & set(paper.FIGURE_9_K) or measured
    points = [
        Bounded(
            x=row.length, series=f"K = {row.k}", value=round(found.value, 4), low=_rounded(found.low),
            high=_rounded(found.high), shown=formatting.interval(found, factor=1.0, decimals=3),
        )
        for row in rows
        if row.k in drawn and (found := row.gaps()[gap]).value is not None
    ]  # fmt: skip
    name = f"{gap} gap"
    series = list(dict.fromkeys(point.series for point in points))
    colors = dict(zip(series, itertools.cycle(charts.NEAR), strict=False))
    title = f"{model_title(target)} against {reference_title(reference)}: {name}"
    by_length: dict[int, dict[str, str]] = {}
    for point in points:
        by_length.setdefault(point.x, {})[point.series] = point.shown
    grid = formatting.grid(
        f"{title} of the first L samples; intervals from L = 30",
        {"L": "number"} | dict.fromkeys(series, "number"),
        [[formatting.count(length), *(formatting.text(found.get(one)) for one in series)]
         for length, found in sorted(by_length.items())],
        is_open=False,
    )  # fmt: skip
    chart = charts.lines(points, series=colors, axes=("first L samples", name))
    said = f"{title} of the first L samples, most memorized first, by K; shaded: 95 % intervals."
    return charts.figure(f"chart-9-{slug(target)}-{gap.lower()}_gap", title, said, chart, grid)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def tables_2_to_5(tables: CaptionTables, results: CaptionResults) -> list[Block]:
    """Return the gaps by neighbors (Tables 2, 4) and by objects (Tables 3, 5) beside the paper's."""
    blocks = []
    for rows, numbers, how in (
        (tables.by_neighbors, (2, 4), "by neighbors"), (tables.by_objects, (3, 5), "by objects"),
    ):  # fmt: skip
        grids = [_paper_grid(rows, target, numbers, how) for target in results]
        blocks.append(
            paper_blocks.block(
                f"tables-{numbers[0]}-{numbers[1]}",
                grids=[grid for grid in grids if grid.rows],
                absent="No comparison of this run has these settings.",
            )
        )
    return blocks


def _paper_grid(rows: Sequence[BesidePaper], target: str, numbers: Sequence[int], how: str) -> Grid:
    columns = {"reference": "text", "mode": "text", "K": "number", "objects": "text"}
    for gap in _GAPS.values():
        columns |= {gap: "number"} | {f"{gap}, Table {number}": "number" for number in numbers}
    shown = []
    for row in sorted(rows, key=lambda row: _reading_order(row.reference)):
        if row.target != target:
            continue
        line = [
            formatting.text(reference_title(row.reference)), formatting.text(row.setting.mode),
            formatting.count(row.setting.k), formatting.text(objects_title(row.setting.top)),
        ]  # fmt: skip
        for place, gap in enumerate(_GAPS):
            line.append(formatting.gap(row.gaps.by_name()[gap]))
            line += [formatting.number(row.paper[number][place]) for number in numbers]
        shown.append(line)
    caption = (
        f"{model_title(target)}: plain gaps on target samples {how}, and the paper’s beside them"
    )
    return formatting.grid(caption, columns, shown)
