"""Figures 2a, 2b and 3a of the paper with ours: what the references guess."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from dejavu.image.targets import Target
from dejavu.report.image.table_records import Accuracy, Agreement, LabelAccuracy
from dejavu.report.image.tables import in_order
from dejavu.report.numbers import Estimate
from dejavu.report.page import charts, formatting, interval_charts, paper_blocks
from dejavu.report.page.elements import (
    MOST_NAMED,
    Block,
    Cell,
    Figure,
    Grid,
    model_title,
    reference_title,
    some_of,
)
from dejavu.report.page.marks import Shade
from dejavu.roles import NaiveBayes

_LABEL_LENGTH = 24  # characters of a label in a chart


class _Predictors:
    """Titles of predictors and their reading order: attacked ones, second models, other references."""

    def __init__(self, heads: Sequence[Target], found: Iterable[str]) -> None:
        self._titles: dict[str, str] = {}
        for target in heads:
            self._titles[target.name] = f"{model_title(target.model)} (attacked)"
        for target in heads:
            if target.second_model is not None:
                self._titles[target.second_model] = f"second model ({model_title(target.model)})"
        for name in in_order(set(found) - set(self._titles)):
            self._titles[name] = reference_title(name)
        self._places = {name: place for place, name in enumerate(self._titles)}

    def title(self, name: str) -> str:
        return self._titles[name]

    def place(self, name: str) -> int:
        return self._places[name]


def figure_2a(rows: Sequence[Accuracy], targets: Sequence[Target]) -> Block:
    """Return how often each predictor guesses the hidden label, targets in their headline layer."""
    heads = [target for target in targets if target.is_headline]
    others = {
        name
        for target in targets
        if not target.is_headline
        for name in (target.name, target.second_model)
    }
    shown = [row for row in rows if row.predictor not in others]
    predictors = _Predictors(heads, {row.predictor for row in shown})
    shown.sort(key=lambda row: predictors.place(row.predictor))
    names = list(dict.fromkeys(row.predictor for row in shown))
    drawn = set(_readable(names, heads))
    marks = [
        formatting.marked(
            row.share, name=predictors.title(row.predictor), part=row.role, sign=False
        )
        for row in shown
    ]
    seen = [mark for row, mark in zip(shown, marks, strict=True) if row.predictor in drawn]
    roles = {"target": charts.TARGET, "control": charts.CONTROL}
    chart = interval_charts.intervals(
        seen, names=list(dict.fromkeys(mark.name for mark in seen)),
        parts={role: roles[role] for role in roles if any(mark.part == role for mark in marks)},
        axis="accuracy, %", number=".0f", guide=_chance(shown),
    )  # fmt: skip
    grid = formatting.grid(
        "Accuracy of each predictor (%)",
        {"predictor": "text", "role": "text", "n": "number", "accuracy": "number"},
        [
            (formatting.text(mark.name), formatting.text(mark.part), formatting.count(row.n),
             Cell(mark.shown, mark.value))
            for row, mark in zip(shown, marks, strict=True)
        ],
        is_open=False,
    )  # fmt: skip
    said = (
        "Accuracy of each predictor of the hidden label in percent, on target and control samples."
    )
    figures = []
    if marks:
        title = "Accuracy of each predictor" + some_of(len(drawn), len(names), "the table below")
        figures.append(charts.figure("chart-2a", title, said, chart, grid, is_wide=True))
    return paper_blocks.block("figure-2a", figures=figures, absent="No predictions.")


def _chance(rows: Sequence[Accuracy]) -> interval_charts.Guide | None:
    """Return what a guess reaches that knows nothing: one of the labels that the samples have."""
    n_labels = max((row.n_labels for row in rows), default=0)
    if n_labels < 2:
        return None
    title = f"chance: one of {formatting.grouped(n_labels)} labels"
    return interval_charts.Guide(title=title, value=100 / n_labels)


def figure_2b(rows: Sequence[LabelAccuracy], heads: Sequence[Target]) -> Block:
    """Return the labels with most correlations: a chart of each family of references, a table of all."""
    predictors = _Predictors(heads, {row.reference for row in rows})
    columns = {"reference": "text", "place": "number", "label": "text", "right": "number"}
    grid = formatting.grid(
        "The five labels that each reference guesses right most often (target samples)",
        columns | {"of": "number", "accuracy, %": "number"},
        [
            (
                formatting.text(predictors.title(row.reference)),
                formatting.count(row.place),
                formatting.text(row.label),
                formatting.count(row.n_correct),
                formatting.count(row.n),
                formatting.percent(row.share),
            )
            for row in sorted(rows, key=lambda row: predictors.place(row.reference))
        ],
    )
    figures = []
    for place, name in enumerate(_families(predictors, {row.reference for row in rows}, heads)):
        own = [row for row in rows if row.reference == name]
        figures.append(_labels_figure(f"chart-2b-{place}", predictors.title(name), own))
    return paper_blocks.block(
        "figure-2b", figures=figures, grids=[grid] if rows else [], absent="No reference."
    )


def _families(
    predictors: _Predictors, names: Iterable[str], heads: Sequence[Target]
) -> Iterator[str]:
    """Yield what the paper draws: a second model, the classifier, Naive Bayes with the most tags."""
    found = sorted(names, key=predictors.place)
    yield from [head.second_model for head in heads if head.second_model in found][:1]
    yield from [name for name in found if name == "classifier"]
    tagged = [each for name in found if (each := NaiveBayes.named(name)) and each.annotator is None]
    yield from [each.name for each in sorted(tagged, key=lambda each: each.top_k)][-1:]


def _labels_figure(key: str, title: str, rows: Sequence[LabelAccuracy]) -> Figure:
    marks = [
        formatting.marked(
            row.share, name=f"{row.place}. {_short(row.label)}", part="accuracy", sign=False
        )
        for row in sorted(rows, key=lambda row: row.place)
    ]
    chart = interval_charts.intervals(
        marks, names=[mark.name for mark in marks], parts={"accuracy": charts.TARGET},
        axis="right, % of the label’s target samples", number=".0f", is_printed=True,
    )  # fmt: skip
    said = "; ".join(f"{mark.name}: {mark.shown} %" for mark in marks)
    return charts.figure(
        key, title, f"Labels that {title} guesses right most often. {said}.", chart
    )


def _short(label: str) -> str:
    """Return a label as one line of a chart: a bar would begin a second one."""
    flat = " ".join(str(label).replace("|", "/").split())
    return flat if len(flat) <= _LABEL_LENGTH else f"{flat[:_LABEL_LENGTH]}…"


def _readable(names: Sequence[str], heads: Sequence[Target]) -> list[str]:
    """Return as many as a chart can name: all that belong to no model, and those of the first models."""
    owned = {name for head in heads for name in (head.name, head.second_model)}
    kept = [name for name in names if name not in owned][:MOST_NAMED]
    for head in heads:
        own = [name for name in names if name in (head.name, head.second_model)]
        kept += own if len(kept) + len(own) <= MOST_NAMED else []
    return [name for name in names if name in set(kept)]


def _agreements(
    rows: Sequence[Agreement], title: Callable[[str], str], shown: Callable[[Agreement], str]
) -> Grid:
    """Return the table of Figure 3a."""
    return formatting.grid(
        "Agreement of two references on target samples (%)",
        {"first": "text", "second": "text", "both right": "number", "at least one right": "number",
         "overlap": "number", "plain agreement": "number"},
        [
            (
                formatting.text(title(row.first)), formatting.text(title(row.second)),
                formatting.count(row.n_both_right), formatting.count(row.n_either_right),
                Cell(shown(row), row.overlap), formatting.percent(Estimate(value=row.agreement)),
            )
            for row in rows
        ],
        is_open=False,
    )  # fmt: skip


def figure_3a(rows: Sequence[Agreement], heads: Sequence[Target]) -> Block:
    """Return on how many samples two references are both right."""
    names = {name for row in rows for name in (row.first, row.second)}
    predictors = _Predictors(heads, names)
    title = predictors.title
    order = _readable(sorted(names, key=predictors.place), heads)
    n_all, drawn = len(names), set(order)
    rows = [row for row in rows if drawn >= {row.first, row.second}]

    def shown(row: Agreement) -> str:
        return formatting.interval(row.share, sign=False) + " %"

    marks = [
        Shade(
            across=title(across), down=title(down), value=row.overlap,
            text="" if row.overlap is None else formatting.plain(row.overlap, decimals=0),
            shown=shown(row),
        )
        for row in rows
        for across, down in ((row.first, row.second), (row.second, row.first))
    ]  # fmt: skip
    titles = [title(name) for name in order]
    grid = _agreements(rows, title, shown)
    said = (
        "Of the target samples that at least one of two references guesses right, the share in percent that "
        "both guess right."
    )
    heading = "Overlap of right guesses, %"
    heading += some_of(len(order), n_all, "tables/image_agreement.csv")
    figures = []
    if marks:
        chart = charts.heatmap(marks, across=titles, down=titles, axes=("", ""))
        figures = [charts.figure("chart-3a", heading, said, chart, grid, is_wide=True)]
    return paper_blocks.block("figure-3a", figures=figures, absent="Fewer than two references.")
