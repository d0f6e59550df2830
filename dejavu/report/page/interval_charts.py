"""Estimates with their intervals as forest plots: one line per name, one mark per part."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import altair as alt
from altair.utils.schemapi import UndefinedType

from dejavu.report.page.charts import MUTED, TWO, Drawing, data, legend, point, value_axis
from dejavu.report.page.elements import Mark
from dejavu.report.page.marks import Interval, PaperValue

Offset: TypeAlias = alt.YOffset | UndefinedType
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
PAPER_SHAPES = {"hollow": "circle", "stroke": "M0 -1V1"}  # of the paper's values; Vega's own name
_BAND_OPACITY = 0.13
_PRINTED_PX = 34  # of a line whose label and estimate take two lines of text
_BAND = alt.Scale(type="band", padding=0)
_HALF_LINE_PX = -7  # up, so that two lines of text stand around their mark


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """An estimate that lines are compared with, as a band behind them."""

    title: str  # in the legend
    value: float
    low: float
    high: float
    names: tuple[str, ...] = ()  # of the lines; empty: all


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The paper's own values, as marks on the lines of ours."""

    title: str  # in the legend
    values: Sequence[PaperValue]
    shape: str  # hollow or stroke


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A value to read the marks against, as a dashed line."""

    title: str
    value: float


def intervals(
    marks: Sequence[Interval],
    *,
    names: Sequence[str],
    parts: Mapping[str, str],
    axis: str,
    bands: Sequence[Behind] = (),
    beside: Sequence[Beside] = (),
    guide: Guide | None = None,
    is_printed: bool = False,
    number: str = "+.0f",
) -> Drawing:
    """Return values with their 95 % intervals.

    Args:
        marks: the estimates.
        names: order of the lines; ``|`` begins a second line of the label.
        parts: color of each part, in order.
        axis: title of the value axis.
        bands: what lines are compared with.
        beside: the paper's own values.
        guide: a value of the axis that means something.
        is_printed: estimate and interval stand at the right of their line; each name has one row.
        number: d3 format of the axis.
    """
    order = list(parts)
    known = [mark for mark in marks if mark.value is not None]
    bounded = [mark for mark in known if mark.low is not None]
    lift = _HALF_LINE_PX if any("|" in name for name in names) else 0
    labels = alt.Axis(
        ticks=False, domain=False, labelExpr="split(datum.label, '|')", labelLimit=240, labelPadding=6,
        labelOffset=lift,
    )  # fmt: skip
    y = alt.Y("name:N", sort=list(names), title=None, axis=labels)
    offset: Offset = alt.YOffset("part:N", sort=order, scale=alt.Scale(paddingOuter=0.35))
    if len(names) == len(marks):  # one mark per line: in its middle
        y, offset = y.scale(_BAND), alt.Undefined
    color, shape = _part_channels(parts)
    x = alt.X("value:Q", title=axis, axis=value_axis(number), scale=alt.Scale(nice=True))
    tooltip = [
        alt.Tooltip("name:N", title="test"), alt.Tooltip("part:N", title="what"),
        alt.Tooltip("shown:N", title="value"),
    ]  # fmt: skip
    layers = [
        *(layer for band in bands for layer in _band(band, y)),
        alt.Chart(point(0)).mark_rule(color=MUTED, strokeWidth=1).encode(x="value:Q"),
        *([] if guide is None else [_guide(guide)]),
        alt.Chart(data(bounded)).mark_rule(strokeWidth=2, opacity=0.75).encode(
            x=alt.X("low:Q", title=axis), x2="high:Q", y=y, yOffset=offset, color=color,
            tooltip=tooltip,
        ),
        alt.Chart(data(known)).mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, yOffset=offset, color=color, shape=shape, tooltip=tooltip
        ),
        *(_beside(each, y, offset, tooltip) for each in beside),
    ]  # fmt: skip
    height = len(names) * (_PRINTED_PX if is_printed else 10 * len(order) + 12)
    chart = alt.layer(*layers).properties(height=height)
    if is_printed:
        chart = _printed(chart, known, names)
    return Drawing(chart, _marks(parts, bands, beside, guide))


def _printed(
    chart: alt.LayerChart, marks: Sequence[Interval], names: Sequence[str]
) -> alt.LayerChart:
    """Put the text of each line behind the right edge, where an axis keeps room for it."""
    shown = {mark.name: mark.shown.replace(" [", "|[") for mark in marks}
    texts = [shown.get(name, "") for name in names]
    # unique, in the order of the lines: the axis shows what stands before the last bar
    keys = [f"{text}|{place}" for place, text in enumerate(texts)]
    label = alt.Axis(
        ticks=False, domain=False, orient="right", labelLimit=240, labelOffset=_HALF_LINE_PX, labelPadding=6,
        labelExpr="slice(split(datum.label, '|'), 0, -1)",
    )  # fmt: skip
    at = alt.Y("key:N", sort=keys, title=None, axis=label, scale=_BAND)
    layer = (
        alt.Chart(alt.InlineData(values=[{"key": key} for key in keys]))
        .mark_point(opacity=0)
        .encode(y=at)
    )
    return alt.layer(chart, layer).resolve_scale(y="independent")


def _part_channels(parts: Mapping[str, str]) -> tuple[alt.Color, alt.Shape]:
    order = list(parts)
    colors = alt.Scale(domain=order, range=list(parts.values()))
    shapes = alt.Scale(domain=order, range=list(SHAPES[: len(order)]))
    return (
        alt.Color("part:N", sort=order, title=None, scale=colors),
        alt.Shape("part:N", sort=order, title=None, scale=shapes),
    )


def _band(band: Behind, y: alt.Y) -> list[alt.Chart]:
    """Return a band behind its lines, or behind all of them with a line through their middle."""
    row = {"low": band.low, "high": band.high, "value": band.value}
    if not band.names:
        area = alt.Chart(alt.InlineData(values=[row]))
        return [
            area.mark_rect(color=TWO, opacity=_BAND_OPACITY).encode(x="low:Q", x2="high:Q"),
            area.mark_rule(color=TWO, strokeDash=[4, 3], strokeWidth=1.5).encode(x="value:Q"),
        ]
    own = alt.Chart(alt.InlineData(values=[row | {"name": name} for name in band.names]))
    return [own.mark_rect(color=TWO, opacity=_BAND_OPACITY).encode(x="low:Q", x2="high:Q", y=y)]


def _guide(guide: Guide) -> alt.Chart:
    line = alt.Chart(point(guide.value))
    return line.mark_rule(color=MUTED, strokeDash=[2, 3], strokeWidth=1.5).encode(x="value:Q")


def _beside(each: Beside, y: alt.Y, offset: Offset, tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    mark = alt.Chart(data(each.values)).mark_point(
        filled=False, size=110, strokeWidth=1.8, color=MUTED, opacity=1,
        shape=PAPER_SHAPES[each.shape],
    )  # fmt: skip
    return mark.encode(x="value:Q", y=y, yOffset=offset, tooltip=list(tooltip))


def _marks(
    parts: Mapping[str, str],
    bands: Sequence[Behind],
    beside: Sequence[Beside],
    guide: Guide | None,
) -> tuple[Mark, ...]:
    marks = legend(parts, SHAPES)
    marks += tuple(Mark(title, TWO, "band") for title in dict.fromkeys(b.title for b in bands))
    marks += tuple(Mark(each.title, MUTED, each.shape) for each in beside)
    return marks + (() if guide is None else (Mark(guide.title, MUTED, "dashes"),))
