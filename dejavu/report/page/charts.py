"""Charts from small tables: Vega-Lite specs by Altair, and the same as SVG.

Colors are the page's CSS variables, so both forms follow light, dark and print without being redrawn.
"""

import contextlib
import copy
import dataclasses
import itertools
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import altair as alt
import vl_convert
from altair.utils import schemapi

from dejavu.report.page.elements import Figure, Grid, Mark
from dejavu.report.page.marks import Bin, Bounded, Point, Shade
from dejavu.tables.records import fields_of

STATIC_WIDTH_PX = {False: 430, True: 680}  # of half a sheet of paper, and of a whole one
MAX_ROWS = 5000  # of one chart: everything is aggregated before it is drawn
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"
INK, MUTED, _LINE = "var(--text)", "var(--muted)", "var(--line)"
# One color, one meaning: in every chart of the page, and in the templates of `dvc plots`.
PLAIN, CONTROL, EXCESS, TWO = "var(--plain)", "var(--control)", "var(--excess)", "var(--two)"
TARGET, FLAGGED, SURE, OTHER = "var(--target)", "var(--flagged)", "var(--sure)", "var(--other)"
REST = "var(--rest)"  # what is not flagged
OBJECTS = tuple(f"var(--objects-{number})" for number in range(1, 5))  # how many objects count
NEAR = tuple(f"var(--near-{number})" for number in range(1, 5))  # how many neighbors count
_THEME: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domainColor": _LINE, "gridColor": _LINE, "tickColor": _LINE, "labelColor": MUTED,
        "titleColor": MUTED, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 400,
        "labelLimit": 168, "titlePadding": 8,
    },
    "axisY": {"labelColor": INK},
    "legend": {"disable": True},  # the page draws its own
    "text": {"color": INK, "fontSize": 12},
}  # fmt: skip
_TICK_PX = 60  # d3 may take 1.4 times as many ticks as it is asked for; a label takes 40
_CELL_PX = 22  # least width of a cell that has room for its number
_ID = re.compile(r'\bid="([^"]+)"')


@dataclasses.dataclass(frozen=True, slots=True)
class Drawing:
    """A chart and what its colors and shapes mean."""

    chart: alt.Chart | alt.LayerChart
    legend: tuple[Mark, ...] = ()


def unchecked() -> contextlib.AbstractContextManager[None]:
    """Draw without comparing every part of a chart with the schema, which takes longer; tests do it."""
    found: contextlib.AbstractContextManager[None] = schemapi.debug_mode(False)
    return found


def legend(parts: Mapping[str, str], shapes: Sequence[str]) -> tuple[Mark, ...]:
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
    ).to_dict(validate=False)  # fmt: skip
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


def value_axis(number: str, along: Literal["width", "height"] = "width") -> alt.Axis:
    """Return a value axis whose zero has no sign, and has a label where it is inside.

    As many ticks as there is room for labels: were there more, every other label would go, zero's too.
    """
    zero = "datum.value == 0 ? '0' : datum.label"
    return alt.Axis(
        format=number, tickCount=alt.ExprRef(f"ceil({along} / {_TICK_PX})"), labelExpr=zero,
        labelOverlap="parity", labelSeparation=6, labelFlush=False,
        titleAnchor="end" if along == "width" else alt.Undefined,  # long titles end where the axis does
    )  # fmt: skip


def data(
    marks: Sequence[object], more: Sequence[Mapping[str, object]] | None = None
) -> alt.InlineData:
    """Return marks as a chart holds them.

    Args:
        marks: records; their fields are what channels read.
        more: further fields of each mark.
    """
    assert len(marks) <= MAX_ROWS, f"{len(marks)} rows: aggregate before drawing"
    rows = [{name: getattr(mark, name) for name in fields_of(mark)} for mark in marks]
    if more is not None:
        rows = [row | dict(own) for row, own in zip(rows, more, strict=True)]
    return alt.InlineData(values=rows)


def point(value: float | int) -> alt.InlineData:
    """Return the one row of a rule."""
    return alt.InlineData(values=[{"value": value}])


def heatmap(
    marks: Sequence[Shade], *, across: Sequence[str], down: Sequence[str], axes: tuple[str, str]
) -> Drawing:
    """Return shares in [0, 1] as a grid of shaded cells with their value.

    Args:
        marks: the cells.
        across: order of the columns.
        down: order of the rows.
        axes: titles of the column axis and the row axis; empty for none.
    """
    base = alt.Chart(data([mark for mark in marks if mark.value is not None])).encode(
        x=alt.X("across:N", sort=list(across), title=axes[0] or None,
                axis=alt.Axis(labelAngle=_angle(across), domain=False, ticks=False,
                              labelLimit=240)),
        y=alt.Y("down:N", sort=list(down), title=axes[1] or None,
                axis=alt.Axis(domain=False, ticks=False, labelLimit=240)),
        tooltip=[alt.Tooltip("down:N", title="row"), alt.Tooltip("across:N", title="column"),
                 alt.Tooltip("shown:N", title="share")],
    )  # fmt: skip
    shade = alt.Opacity("value:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
    ink = alt.condition("datum.value > 0.55", alt.value("var(--on-accent)"), alt.value(INK))
    cells = base.mark_rect(color="var(--accent)", cornerRadius=2).encode(opacity=shade)
    fits = alt.ExprRef(f"width < {_CELL_PX * len(across)} ? 0 : 1")  # else the shade has to do
    texts = base.mark_text(fontSize=11, opacity=fits).encode(text="text:N", color=ink)
    return Drawing(alt.layer(cells, texts).properties(height=max(34 * len(down), 90)))


def _angle(names: Sequence[str]) -> int:
    """Return how the labels of columns are turned, so that none runs into another.

    >>> _angle(["K = 1", "K = 5", "K = 10", "K = 100"]), _angle(["second model"] * 4), _angle(["a"] * 9)
    (0, -35, -90)
    """
    n = len(names)
    if n <= 3 or (n == 4 and max(map(len, names)) <= 8):
        return 0
    return -35 if n <= 8 else -90


def lines(
    points: Sequence[Point],
    *,
    series: Mapping[str, str],
    axes: tuple[str, str],
    number: str = "+.2f",
    dashed: Collection[str] = (),
) -> Drawing:
    """Return one line with points per series, over a logarithmic axis.

    Args:
        points: of all lines; bounded ones are shaded between their bounds.
        series: color of each, in order.
        axes: titles of x and y.
        number: d3 format of the value axis.
        dashed: series that share their color with another.
    """
    order = list(series)
    scale = alt.Scale(type="log", nice=False)
    colors = alt.Scale(domain=order, range=list(series.values()))
    values = sorted({each.x for each in points})
    x_axis = alt.Axis(format="~s", tickCount=5, grid=False)
    if len(values) <= 6:
        x_axis = alt.Axis(values=values, grid=False, format="d")
    base = alt.Chart(data(points)).encode(
        x=alt.X("x:Q", title=axes[0], scale=scale, axis=x_axis),
        color=alt.Color("series:N", sort=order, title=None, scale=colors),
        strokeDash=alt.StrokeDash("series:N", sort=order, title=None, scale=alt.Scale(
            domain=order, range=[[4, 3] if name in dashed else [1, 0] for name in order])),
        tooltip=[alt.Tooltip("series:N", title="series"), alt.Tooltip("x:Q", title=axes[0]),
                 alt.Tooltip("shown:N", title=axes[1])],
    )  # fmt: skip
    y = alt.Y("value:Q", title=axes[1], axis=value_axis(number, "height"))
    layers = [alt.Chart(point(0)).mark_rule(color=MUTED, strokeWidth=1).encode(y="value:Q")]
    bounded = [each for each in points if isinstance(each, Bounded) and each.low is not None]
    if bounded:
        area = alt.Chart(data(bounded)).mark_area(opacity=0.16)
        color = alt.Color("series:N", sort=order, scale=colors, title=None)
        layers.append(area.encode(x="x:Q", y="low:Q", y2="high:Q", color=color))
    layers.append(base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=36)).encode(y=y))
    return Drawing(
        alt.layer(*layers).properties(height=240),
        legend(series, ["dash" if name in dashed else "line" for name in order]),
    )


def histogram(bins: Sequence[Bin], *, parts: Mapping[str, str], axis: str) -> Drawing:
    """Return counted bins as stacked columns.

    Args:
        bins: of each part.
        parts: color of each part, in order from the axis upward.
        axis: title of the value axis.
    """
    order = list(parts)
    chart = (
        alt.Chart(data(bins, [{"place": order.index(each.part)} for each in bins]))
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
    return Drawing(chart, legend(parts, ["square"]))
