"""Figures 5, 6, 7 and Table 1 of the paper, with ours."""

from collections.abc import Sequence

from dejavu.image.targets import Target
from dejavu.params.report import ImageHeadline
from dejavu.report.image.records import Comparison, ImageResults
from dejavu.report.image.table_records import ConfidenceBin, Intersection
from dejavu.report.image.tables import by_tags, in_order
from dejavu.report.numbers import NOTHING, Estimate
from dejavu.report.opening import one_model_reference
from dejavu.report.page import charts, formatting, interval_charts, paper_blocks
from dejavu.report.page.elements import Block, Figure, model_title, reference_title, slug
from dejavu.report.page.marks import Bin, Point
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL, TARGET, NaiveBayes

_POINTS = "percentage points"
_LINES = {"plain score": charts.PLAIN, "excess": charts.EXCESS}


def figures_5_and_6(
    results: ImageResults, heads: Sequence[Target], settings: ImageSettings
) -> list[Block]:
    """Return the scores overall and at the first p %: models with a second model, then those without."""
    percent = settings.score.at_percent[0] if settings.score.at_percent else None
    with_second = [t for t in heads if SECOND_MODEL in results[t.name]]
    without = [t for t in heads if SECOND_MODEL not in results[t.name]]
    return [
        paper_blocks.block(
            "figure-5",
            figures=[_score_figure("5", target, results, percent) for target in with_second],
            absent="No model of this run has a second model.",
        ),
        paper_blocks.block(
            "figure-6",
            figures=[_score_figure("6", target, results, percent) for target in without],
            absent="Every model of this run has a second model, so Figure 5 holds them all.",
        ),
    ]


def _score_figure(
    number: str, target: Target, results: ImageResults, percent: int | None
) -> Figure:
    references = results[target.name]
    names = in_order(references)
    parts = {"all samples": charts.PLAIN}
    if percent is not None:
        parts[f"most confident {percent} %"] = charts.SURE

    def found(name: str) -> list[Estimate]:
        scores = references[name].target.scores
        return [scores.dejavu_score, *([] if percent is None else [scores.at[percent].own])]

    marks = [
        formatting.marked(each, name=reference_title(name), part=part)
        for name in names
        for part, each in zip(parts, found(name), strict=True)
    ]
    chart = interval_charts.intervals(
        marks, names=[reference_title(name) for name in names], axis=f"déjà vu score on target, {_POINTS}",
        parts=parts,
    )  # fmt: skip
    title = model_title(target.model)
    all_tops = {f"most confident {p} %": p for p in references[names[0]].target.scores.at}

    def row_of(name: str) -> list[Estimate]:
        scores = references[name].target.scores
        return [scores.dejavu_score, *(scores.at[p].own for p in all_tops.values())]

    grid = formatting.grid(
        formatting.noted(
            f"{title}: déjà vu score on target ({_POINTS})", (e for name in names for e in row_of(name))
        ),
        {"reference": "text", "n": "number", "all samples": "number"} | dict.fromkeys(all_tops, "number")
        | {"target accuracy, %": "number", "reference accuracy, %": "number", "McNemar p": "number"},
        [
            [
                formatting.text(reference_title(name)), formatting.count(role.n),
                *(formatting.points(each) for each in row_of(name)),
                formatting.percent(role.scores.target_accuracy),
                formatting.percent(role.scores.reference_accuracy), formatting.p_value(role.mcnemar_p),
            ]
            for name, role in ((name, references[name].target) for name in names)
        ],
        is_open=False,
    )  # fmt: skip
    said = f"Déjà vu score of {title} on target samples in percentage points, by reference; not calibrated."
    return charts.figure(f"chart-{number}-{slug(target.name)}", title, said, chart, grid)


def figure_7(
    rows: Sequence[ConfidenceBin],
    results: ImageResults,
    heads: Sequence[Target],
    headline: ImageHeadline | None,
) -> Block:
    """Return the histogram of memorization confidence against the headline's one-model reference."""
    figures = []
    for target in heads:
        reference = one_model_reference(results[target.name], headline) or SECOND_MODEL
        wanted = (target.name, reference, TARGET)
        bins = [row for row in rows if (row.target, row.reference, row.role) == wanted]
        if bins:
            figures.append(_confidence_figure(target, reference, bins))
    return paper_blocks.block("figure-7", figures=figures, absent="No scores.")


def _confidence_figure(target: Target, reference: str, bins: Sequence[ConfidenceBin]) -> Figure:
    parts = {"flagged": charts.FLAGGED, "not flagged": charts.REST}
    counted = [
        Bin(low=row.low, high=row.high, part=part, n=n)
        for row in bins
        for part, n in (("flagged", row.n_memorized), ("not flagged", row.n - row.n_memorized))
        if n
    ]
    title = f"{model_title(target.model)} against {reference_title(reference)}"
    grid = formatting.grid(
        f"{title}: target samples by memorization confidence",
        {"from (nats)": "number", "to": "number", "samples": "number", "flagged": "number",
         "share flagged, %": "number"},
        [
            (
                formatting.number(row.low, 2), formatting.number(row.high, 2),
                formatting.count(row.n), formatting.count(row.n_memorized),
                formatting.percent(Estimate(value=row.n_memorized / row.n)),
            )
            for row in bins
        ],
        is_open=False,
    )  # fmt: skip
    said = (
        f"{title}: number of target samples by memorization confidence in nats, flagged ones apart."
    )
    chart = charts.histogram(
        counted,
        parts=parts,
        axis="memorization confidence, nats",
    )
    return charts.figure(f"chart-7-{slug(target.name)}", title, said, chart, grid)


def table_1(rows: Sequence[Intersection]) -> Block:
    """Return what one-model references recover of the samples that all second models guess right."""
    scopes = list(dict.fromkeys(row.scope for row in rows))
    sizes = {row.scope: row.n_intersection for row in rows}
    found = {(row.reference, row.scope): row for row in rows}
    columns = {"reference": "text"}
    for scope in scopes:
        labels = "all labels" if scope == "all" else f"{scope} labels"
        columns |= {
            f"{labels} (n\u00a0=\u00a0{formatting.grouped(sizes[scope])})": "number",
            f"paper, {scope}": "number",
        }
    shown = []
    for name in in_order({row.reference for row in rows}):
        cells_of_row = [formatting.text(reference_title(name))]
        for scope in scopes:
            row = found.get((name, scope))
            cells_of_row += [
                formatting.percent(row.recovered if row else NOTHING),
                formatting.percent(Estimate(value=row.paper) if row else NOTHING),
            ]
        shown.append(cells_of_row)
    caption = "Target samples that all second models guess right: the share (%) that each reference does too"
    grids = [formatting.grid(caption, columns, shown)] if shown else []
    return paper_blocks.block("table-1", grids=grids, absent="No second models in this run.")


def naive_bayes(results: ImageResults, heads: Sequence[Target]) -> Block:
    """Return score and excess against Naive Bayes as the number of tags grows."""
    figures = []
    for target in heads:
        own = [(tagged, each) for _, tagged, each in by_tags(results, [target])]
        if own:
            figures.append(_naive_bayes_figure(target, own))
    absent = "No Naive Bayes among the references."
    return paper_blocks.block("naive-bayes", figures=figures, absent=absent)


def _naive_bayes_figure(target: Target, own: Sequence[tuple[NaiveBayes, Comparison]]) -> Figure:
    rows = [
        (tagged, each, each.excess.scores.dejavu_score if each.excess else NOTHING)
        for tagged, each in own
    ]
    points = [
        Point(x=tagged.top_k, series=f"{what}, {_tags(tagged)}", value=round(100 * found.value, 4),
              shown=formatting.interval(found))
        for tagged, each, excess in rows
        for what, found in zip(_LINES, (each.target.scores.dejavu_score, excess), strict=True)
        if found.value is not None
    ]  # fmt: skip
    # Colors as everywhere: what a line shows decides, whoever the annotator is.
    colors = {
        f"{what}, {_tags(tagged)}": color for tagged, _ in own for what, color in _LINES.items()
    }
    drawn = dict.fromkeys(point.series for point in points)
    others = {_tags(tagged) for tagged, _ in own if tagged.annotator is not None}
    title = model_title(target.model)
    chart = charts.lines(
        points, series={name: colors[name] for name in drawn}, axes=("tags that count", _POINTS),
        number="+.0f", dashed={f"{what}, {tags}" for what in _LINES for tags in others},
    )  # fmt: skip
    grid = formatting.grid(
        f"{title}: Naive Bayes by number of tags ({_POINTS})",
        {"annotator": "text", "tags": "number", "reference accuracy, %": "number",
         "score on target": "number", "excess": "number"},
        [(formatting.text(tagged.annotator or "first"), formatting.count(tagged.top_k),
          formatting.percent(each.target.scores.reference_accuracy),
          formatting.points(each.target.scores.dejavu_score),
          formatting.points(excess, is_strong=True)) for tagged, each, excess in rows],
        is_open=False,
    )  # fmt: skip
    said = (
        f"Score and excess of {title} against Naive Bayes by number of tags, in percentage points."
    )
    shown = f"{title} (intervals: in the table)"  # four bands would hide each other
    return charts.figure(f"chart-nb-{slug(target.name)}", shown, said, chart, grid)


def _tags(tagged: NaiveBayes) -> str:
    return "headline tags" if tagged.annotator is None else tagged.annotator.replace("_", " ")
