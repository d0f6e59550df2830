"""Charts from small tables: Vega-Lite specs by Altair, and the same as SVG.

Colors are the page's CSS variables, so both forms follow light, dark and print without being redrawn.
"""

import copy
import dataclasses
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

from dejavu.report.page.elements import Figure, Grid, Mark, Rows

STATIC_WIDTH_PX = {False: 430, True: 680}  # of half a sheet of paper, and of a whole one
MAX_ROWS = 5000  # of one chart: everything is aggregated before it is drawn
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"
_INK, _MUTED, _LINE = "var(--text)", "var(--muted)", "var(--line)"
PLAIN, CONTROL, EXCESS, TWO = "var(--plain)", "var(--control)", "var(--excess)", "var(--two)"
SERIES = tuple(f"var(--series-{number})" for number in range(1, 7))
Band = tuple[float, float, float, str]  # value, low, high, name
_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
_THEME: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domainColor": _LINE, "gridColor": _LINE, "tickColor": _LINE, "labelColor": _MUTED,
        "titleColor": _MUTED, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 400,
        "labelLimit": 168, "titlePadding": 8,
    },
    "axisY": {"labelColor": _INK},
    "legend": {"disable": True},  # the page draws its own
    "text": {"color": _INK, "fontSize": 12},
}  # fmt: skip
_ID = re.compile(r'\bid="([^"]+)"')


@dataclasses.dataclass(frozen=True, slots=True)
class Drawing:
    """A chart and what its colors and shapes mean."""

    chart: alt.Chart | alt.LayerChart
    legend: tuple[Mark, ...] = ()


def _legend(parts: Mapping[str, str], shapes: Sequence[str]) -> tuple[Mark, ...]:
    """Return the legend of named colors; one name alone needs none."""
    if len(parts) < 2:
        return ()
    return tuple(
        Mark(name, color, shape)
        for (name, color), shape in zip(parts.items(), itertools.cycle(shapes), strict=False)
    )


def drawn(
    key: str, chart: alt.LayerChart | alt.Chart, description: str, *, is_wide: bool = False
) -> tuple[dict[str, Any], str]:
    """Return the spec that a browser draws to the width it has, and an SVG of a fixed width.

    Args:
        key: prefix of the ids in the SVG, so that two of them can share a page.
        chart: the chart.
        description: text for those who cannot see it.
        is_wide: the figure has a line of the page to itself.
    """
    base = chart.properties(
        width=STATIC_WIDTH_PX[is_wide], description=description, autosize=alt.AutoSizeParams(
            type="fit-x", contains="padding"
        ),
    ).to_dict()  # fmt: skip
    base["config"] = copy.deepcopy(_THEME)
    # Readers' fonts may be wider than the one that measured the labels.
    still = {**base, "padding": {"left": 20, "right": 8, "top": 4, "bottom": 4}}
    svg = vl_convert.vegalite_to_svg(json.dumps(still))
    return {**base, "width": "container"}, _own_ids(svg, key)


def figure(
    key: str,
    title: str,
    description: str,
    drawing: Drawing,
    grid: Grid | None = None,
    *,
    is_wide: bool = False,
) -> Figure:
    """Return a chart in both forms with its legend and its numbers."""
    spec, svg = drawn(key, drawing.chart, description, is_wide=is_wide)
    return Figure(
        key=key, title=title, description=description, spec=spec, svg=svg, legend=drawing.legend,
        grid=grid,
    )  # fmt: skip


def _own_ids(svg: str, key: str) -> str:
    """Number the ids anew: as drawn they count all charts of this process, so bytes would depend on it."""
    for place, name in enumerate(dict.fromkeys(_ID.findall(svg))):
        svg = svg.replace(f'id="{name}"', f'id="{key}-{place}"')
        svg = svg.replace(f"url(#{name})", f"url(#{key}-{place})")
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _axis(number: str) -> alt.Axis:
    """Return a value axis whose zero has no sign."""
    zero = "datum.value == 0 ? '0' : datum.label"
    return alt.Axis(format=number, tickCount=6, labelExpr=zero)


def _data(rows: Rows) -> alt.InlineData:
    assert len(rows) <= MAX_ROWS, f"{len(rows)} rows: aggregate before drawing"
    return alt.InlineData(values=[dict(row) for row in rows])


def intervals(
    rows: Rows,
    *,
    names: Sequence[str],
    parts: Mapping[str, str],
    axis: str,
    band: Band | None = None,
    number: str = "+.0f",
) -> Drawing:
    """Return values with their 95 % intervals: one line per name, one mark per part.

    Args:
        rows: ``name``, ``part``, ``value``, ``low``, ``high`` (None: no interval), ``shown``.
        names: order of the lines; ``|`` begins a second line of the label.
        parts: color of each part, in order.
        axis: title of the value axis.
        band: value, low, high and name of something that every line is compared with.
        number: d3 format of the axis.
    """
    order = list(parts)
    label = alt.Axis(ticks=False, domain=False, labelExpr="split(datum.label, '|')", labelLimit=240)
    y = alt.Y("name:N", sort=list(names), title=None, axis=label)
    offset = alt.YOffset("part:N", sort=order, scale=alt.Scale(paddingOuter=0.35))
    if len(names) == len(rows):
        offset = alt.Undefined  # one mark per line: in its middle
    color, shape = _part_channels(parts)
    x = alt.X("value:Q", title=axis, axis=_axis(number), scale=alt.Scale(nice=True))
    tooltip = [
        alt.Tooltip("name:N", title="test"), alt.Tooltip("part:N", title="what"),
        alt.Tooltip("shown:N", title="value"),
    ]  # fmt: skip
    known = [row for row in rows if row["value"] is not None]
    spans = alt.Chart(_data([row for row in known if row["low"] is not None]))
    points = alt.Chart(_data(known))
    layers = [
        *([] if band is None else _band(band)),
        alt.Chart(_data([{"value": 0}])).mark_rule(color=_MUTED, strokeWidth=1).encode(x="value:Q"),
        spans.mark_rule(strokeWidth=2, opacity=0.75).encode(
            x=alt.X("low:Q", title=axis), x2="high:Q", y=y, yOffset=offset, color=color,
            tooltip=tooltip,
        ),
        points.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, yOffset=offset, color=color, shape=shape, tooltip=tooltip
        ),
    ]  # fmt: skip
    legend = _legend(parts, _SHAPES)
    if band is not None:
        legend += (Mark(band[3], TWO, "band"),)
    height = len(names) * (10 * len(order) + 12)
    return Drawing(alt.layer(*layers).properties(height=height), legend)


def _part_channels(parts: Mapping[str, str]) -> tuple[alt.Color, alt.Shape]:
    order = list(parts)
    colors = alt.Scale(domain=order, range=list(parts.values()))
    shapes = alt.Scale(domain=order, range=list(_SHAPES[: len(order)]))
    return (
        alt.Color("part:N", sort=order, title=None, scale=colors),
        alt.Shape("part:N", sort=order, title=None, scale=shapes),
    )


def _band(band: Band) -> list[alt.Chart]:
    value, low, high, name = band
    area = alt.Chart(_data([{"low": low, "high": high, "value": value, "name": name}]))
    return [
        area.mark_rect(color=TWO, opacity=0.13).encode(x=alt.X("low:Q"), x2="high:Q"),
        area.mark_rule(color=TWO, strokeDash=[4, 3], strokeWidth=1.5).encode(x="value:Q"),
    ]


def heatmap(
    rows: Rows, *, across: Sequence[str], down: Sequence[str], axes: tuple[str, str]
) -> Drawing:
    """Return shares in [0, 1] as a grid of shaded cells with their value.

    Args:
        rows: ``across``, ``down``, ``value``, ``text``, ``shown``.
        across: order of the columns.
        down: order of the rows.
        axes: titles of the column axis and the row axis; empty for none.
    """
    base = alt.Chart(_data([row for row in rows if row["value"] is not None])).encode(
        x=alt.X("across:N", sort=list(across), title=axes[0] or None,
                axis=alt.Axis(labelAngle=-35 if len(across) > 3 else 0, domain=False, ticks=False)),
        y=alt.Y("down:N", sort=list(down), title=axes[1] or None,
                axis=alt.Axis(domain=False, ticks=False)),
        tooltip=[alt.Tooltip("down:N", title="row"), alt.Tooltip("across:N", title="column"),
                 alt.Tooltip("shown:N", title="share")],
    )  # fmt: skip
    shade = alt.Opacity("value:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
    ink = alt.condition("datum.value > 0.55", alt.value("var(--on-accent)"), alt.value(_INK))
    cells = base.mark_rect(color="var(--accent)", cornerRadius=2).encode(opacity=shade)
    texts = base.mark_text(fontSize=11).encode(text="text:N", color=ink)
    return Drawing(alt.layer(cells, texts).properties(height=max(34 * len(down), 90)))


def lines(
    rows: Rows, *, series: Mapping[str, str], axes: tuple[str, str], number: str = "+.2f"
) -> Drawing:
    """Return one line with points per series, over a logarithmic axis.

    Args:
        rows: ``x``, ``series``, ``value``, ``shown``.
        series: color of each, in order.
        axes: titles of x and y.
        number: d3 format of the value axis.
    """
    order = list(series)
    scale = alt.Scale(type="log", nice=False)
    values = sorted({row["x"] for row in rows})
    x_axis = alt.Axis(format="~s", tickCount=5, grid=False)
    if len(values) <= 6:
        x_axis = alt.Axis(values=values, grid=False, format="d")
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("x:Q", title=axes[0], scale=scale, axis=x_axis),
        color=alt.Color("series:N", sort=order, title=None,
                        scale=alt.Scale(domain=order, range=list(series.values()))),
        tooltip=[alt.Tooltip("series:N", title="series"), alt.Tooltip("x:Q", title=axes[0]),
                 alt.Tooltip("shown:N", title=axes[1])],
    )  # fmt: skip
    y = alt.Y("value:Q", title=axes[1], axis=_axis(number))
    layers = [
        alt.Chart(_data([{"value": 0}])).mark_rule(color=_MUTED, strokeWidth=1).encode(y="value:Q")
    ]
    layers.append(base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=36)).encode(y=y))
    legend = _legend(series, ["line"])
    return Drawing(alt.layer(*layers).properties(height=240), legend)


def histogram(rows: Rows, *, parts: Mapping[str, str], axis: str) -> Drawing:
    """Return counted bins as stacked columns.

    Args:
        rows: ``low``, ``high``, ``part``, ``n``.
        parts: color of each part, in order from the axis upward.
        axis: title of the value axis.
    """
    order = list(parts)
    chart = (
        alt.Chart(_data([{**row, "place": order.index(row["part"])} for row in rows]))
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X(
                "low:Q",
                bin="binned",
                title=axis,
                axis=alt.Axis(grid=False, tickCount=8, format="~g"),
            ),
            x2="high:Q",
            y=alt.Y("n:Q", title="samples", stack="zero"),
            order=alt.Order("place:Q"),
            color=alt.Color(
                "part:N",
                sort=order,
                title=None,
                scale=alt.Scale(domain=order, range=list(parts.values())),
            ),
            tooltip=[
                alt.Tooltip("low:Q", title="from"),
                alt.Tooltip("high:Q", title="to"),
                alt.Tooltip("part:N", title="what"),
                alt.Tooltip("n:Q", title="samples"),
            ],
        )
        .properties(height=220)
    )
    return Drawing(chart, _legend(parts, ["square"]))
