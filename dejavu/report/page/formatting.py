"""Numbers and texts as table cells, each with the value that it sorts by."""

import re
from collections.abc import Iterable, Mapping

from dejavu.report.numbers import Estimate
from dejavu.report.page.elements import Cell, Column, Grid
from dejavu.report.page.marks import Interval

NONE = Cell("–")
_HOLD = (  # what a line of text must not tear apart, and what holds it together
    (re.compile(r"\b([npK]) ([=<]) (?=[\d.])"), "\\1\u00a0\\2\u00a0"),
    (re.compile(r"(?<=\d) (?=%)"), "\u00a0"),
    (re.compile(r"(\[[^\s\[\]]+,) (?=[^\s\[\]]+\])"), "\\1\u00a0"),
    (re.compile(r"± (?=\d)"), "±\u00a0"),
    (re.compile(r"(?<=\d) − (?=\d)"), "\u00a0−\u00a0"),
)


def unbroken(text: str) -> str:
    r"""Return a text whose numbers stay on one line with their sign, their bounds and what they are of.

    >>> unbroken("+6.3 [+4.7, +7.9] (n = 498), 10 %, p < 0.01")
    '+6.3 [+4.7,\xa0+7.9] (n\xa0=\xa0498), 10\xa0%, p\xa0<\xa00.01'
    """
    for torn, held in _HOLD:
        text = torn.sub(held, text)
    return text


def text(value: object) -> Cell:
    """Return any value as it is; nothing as a dash."""
    return NONE if value is None else Cell(str(value))


def count(value: int | None) -> Cell:
    """Return a whole number with commas between thousands."""
    return NONE if value is None else Cell(grouped(value), float(value))


def grouped(value: int) -> str:
    """Return a whole number with commas between thousands, as in every text of the project.

    >>> grouped(498), grouped(300000)
    ('498', '300,000')
    """
    return f"{value:,}"


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
    found: Estimate, *, factor: float = 100.0, decimals: int = 1, sign: bool = True
) -> str:
    r"""Return a value with its interval in brackets.

    >>> interval(Estimate(value=0.165, low=0.108, high=0.219))
    '+16.5 [+10.8,\xa0+21.9]'
    >>> interval(Estimate(value=0.165)), interval(Estimate(value=None))
    ('+16.5', '–')
    """
    value, bounds = apart(found, factor=factor, decimals=decimals, sign=sign)
    return f"{value} {bounds}" if bounds else value


def apart(
    found: Estimate, *, factor: float = 100.0, decimals: int = 1, sign: bool = True
) -> tuple[str, str]:
    r"""Return a value, and its interval in brackets; empty: it has none.

    >>> apart(Estimate(value=0.165, low=0.108, high=0.219))
    ('+16.5', '[+10.8,\xa0+21.9]')
    """
    if found.value is None:
        return "–", ""
    form = signed if sign else plain
    value = form(found.value, factor, decimals)
    if found.low is None or found.high is None:
        return value, ""
    return (
        value, f"[{form(found.low, factor, decimals)},\u00a0{form(found.high, factor, decimals)}]",
    )  # fmt: skip


def points(found: Estimate, *, is_strong: bool = False) -> Cell:
    """Return percentage points with their interval."""
    return Cell(interval(found), found.value, is_strong)


def percent(found: Estimate) -> Cell:
    """Return a share in percent with its interval."""
    return Cell(interval(found, sign=False), found.value)


def gap(found: Estimate, *, is_strong: bool = False) -> Cell:
    """Return a gap in [-1, 1] with its interval."""
    return Cell(interval(found, factor=1.0, decimals=3), found.value, is_strong)


def auroc(found: Estimate) -> Cell:
    """Return an area in [0, 1] with its interval."""
    return Cell(interval(found, factor=1.0, decimals=3, sign=False), found.value)


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
    """Return a table; `columns` maps each title to ``text`` or ``number``.

    Rows that share a first ``model`` stand below its name; where no two do, it stands in the row.
    """
    shown = tuple(tuple(row) for row in rows)
    is_by_model = next(iter(columns), None) == "model"
    return Grid(
        caption=caption,
        columns=tuple(
            Column(title, "text" if kind == "text" else "number") for title, kind in columns.items()
        ),
        rows=shown,
        is_open=is_open,
        is_grouped=is_by_model and len({row[0].text for row in shown}) < len(shown),
    )


def noted(caption: str, found: Iterable[Estimate]) -> str:
    """Return a caption that says why numbers of its table are not there.

    >>> noted("Scores", [Estimate(value=1.0), Estimate(value=None, reason="too few")])
    'Scores (–: too few)'
    """
    reasons = dict.fromkeys(each.reason for each in found if each.value is None and each.reason)
    return f"{caption} (–: {'; '.join(reasons)})" if reasons else caption


def marked(
    found: Estimate, *, name: str, part: str, factor: float = 100.0, sign: bool = True
) -> Interval:
    """Return one mark of an interval chart."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else round(factor * value, 4)

    is_share = factor == 100
    return Interval(
        name=name,
        part=part,
        value=scaled(found.value),
        low=scaled(found.low),
        high=scaled(found.high),
        shown=interval(found, factor=factor, decimals=1 if is_share else 3, sign=sign),
    )
