"""Numbers and texts as table cells, each with the value that it sorts by."""

from collections.abc import Iterable, Mapping
from typing import Any

from dejavu.report.page.elements import Cell, Column, Grid, Row

NONE = Cell("–")


def text(value: Any) -> Cell:
    """Return any value as it is; nothing as a dash."""
    return NONE if value is None else Cell(str(value))


def count(value: int | None) -> Cell:
    """Return a whole number with thin spaces between thousands."""
    return NONE if value is None else Cell(grouped(value), float(value))


def grouped(value: int) -> str:
    """Return a whole number with a narrow no-break space between thousands.

    >>> grouped(498), grouped(300000) == "300" + chr(0x202F) + "000"
    ('498', True)
    """
    return f"{value:,}".replace(",", "\u202f")


def bounds(row: Row, name: str) -> tuple[float | None, float | None]:
    """Return the interval of ``name`` in a node of results.json or in a row of a table."""
    low, high = row.get(f"{name}_ci95") or (row.get(f"{name}_low"), row.get(f"{name}_high"))
    return low, high


def own_bounds(row: Row, name: str) -> dict[str, Any]:
    """Return a row whose interval is called ``low`` and ``high`` as one with bounds of ``name``."""
    return {**row, f"{name}_low": row.get("low"), f"{name}_high": row.get("high")}


def signed(value: float, factor: float = 100.0, decimals: int = 1) -> str:
    """Return a number with its sign as typeset; zero has none.

    >>> signed(0.1234), signed(-0.05), signed(-0.0001), signed(0.39, factor=1.0, decimals=3)
    ('+12.3', '−5.0', '0.0', '+0.390')
    """
    shown = f"{factor * value:+.{decimals}f}"
    return shown[1:] if float(shown) == 0 else shown.replace("-", "−")


def plain(value: float, factor: float = 100.0, decimals: int = 1) -> str:
    """Return a number without a plus.

    >>> plain(0.1234), plain(-0.0004), plain(-0.05)
    ('12.3', '0.0', '−5.0')
    """
    return signed(value, factor, decimals).removeprefix("+")


def interval(
    row: Row, name: str, *, factor: float = 100.0, decimals: int = 1, sign: bool = True
) -> str:
    r"""Return a value with its interval in brackets, from ``name`` in a node or a row.

    >>> interval({"x": 0.165, "x_ci95": [0.108, 0.219]}, "x")
    '+16.5 [+10.8,\xa0+21.9]'
    >>> interval({"x": 0.165, "x_low": None}, "x"), interval({}, "x")
    ('+16.5', '–')
    """
    value = row.get(name)
    if value is None:
        return "–"
    form = signed if sign else plain
    low, high = bounds(row, name)
    shown = form(value, factor, decimals)
    if low is None or high is None:
        return shown
    return f"{shown} [{form(low, factor, decimals)},\u00a0{form(high, factor, decimals)}]"


def points(row: Row, name: str, *, is_strong: bool = False) -> Cell:
    """Return percentage points with their interval."""
    return Cell(interval(row, name), row.get(name), is_strong)


def percent(row: Row, name: str) -> Cell:
    """Return a share in percent with its interval."""
    return Cell(interval(row, name, sign=False), row.get(name))


def gap(row: Row, name: str, *, is_strong: bool = False) -> Cell:
    """Return a gap in [-1, 1] with its interval."""
    return Cell(interval(row, name, factor=1.0, decimals=3), row.get(name), is_strong)


def auroc(row: Row, name: str) -> Cell:
    """Return an area in [0, 1] with its interval."""
    return Cell(interval(row, name, factor=1.0, decimals=3, sign=False), row.get(name))


def number(value: float | None, decimals: int = 3) -> Cell:
    """Return a number without a sign of its own."""
    return NONE if value is None else Cell(plain(value, 1.0, decimals), value)


def p_value(value: float | None) -> Cell:
    """Return a p-value to two significant digits."""
    if value is None:
        return NONE
    return Cell("< 0.0001" if value < 1e-4 else f"{value:.2g}", value)


def grid(
    caption: str,
    columns: Mapping[str, str],
    rows: Iterable[Iterable[Cell]],
    *,
    is_open: bool = True,
) -> Grid:
    """Return a table; `columns` maps each title to ``text`` or ``number``."""
    return Grid(
        caption=caption,
        columns=tuple(
            Column(title, "text" if kind == "text" else "number") for title, kind in columns.items()
        ),
        rows=tuple(tuple(row) for row in rows),
        is_open=is_open,
    )


def marked(
    row: Row, source: str, *, name: str, part: str, factor: float = 100.0, sign: bool = True
) -> dict[str, Any]:
    """Return one mark of an interval chart from ``source`` of a node or row."""
    low, high = bounds(row, source)
    value = row.get(source)
    is_share = factor == 100
    return {
        "name": name,
        "part": part,
        "value": None if value is None else round(factor * value, 4),
        "low": None if low is None else round(factor * low, 4),
        "high": None if high is None else round(factor * high, 4),
        "shown": interval(row, source, factor=factor, decimals=1 if is_share else 3, sign=sign),
    }
