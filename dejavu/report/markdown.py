"""Documents in Markdown: how their templates are read, and texts that stay inside their cell."""

from collections.abc import Callable
from typing import Any

import jinja2

from dejavu.report.numbers import Estimate
from dejavu.report.page import formatting
from dejavu.text import printable


def templates(**filters: Callable[..., str]) -> jinja2.Environment:
    """Return the templates of the package for Markdown, with `filters` by the name that they use.

    `grouped`, `points`, `points_of`, `share` and `share_in` are there always: a number is written in one way.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # not HTML; what comes from a run goes through `cell` or `literal`
    )
    environment.filters |= {
        "grouped": formatting.grouped, "points": points, "points_of": points_of, "share": share,
        "share_in": share_in,
    } | filters  # fmt: skip
    return environment


def cell(value: Any) -> str:
    r"""Return a value as the text of one cell of a table.

    >>> cell("a|b"), cell(None)
    ('a\\|b', '–')
    """
    return "–" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def literal(value: Any) -> str:
    r"""Return a text as Markdown that means nothing but itself, in one line.

    >>> literal("*a*|b")
    '\\*a\\*\\|b'
    """
    shown = printable(str(value), keep="")
    return "".join(f"\\{c}" if c in r"\`*_[]<>|#" else c for c in shown)


def points(value: float | None) -> str:
    """Return a share as signed percentage points.

    >>> points(0.1234), points(-0.05), points(None)
    ('+12.3', '−5.0', '–')
    """
    return "–" if value is None else formatting.signed(value)


def points_of(found: Estimate | None) -> str:
    """Return percentage points with their interval; a dash for what was not measured."""
    if found is None or found.value is None:
        return "–"
    if found.low is None:
        return points(found.value)
    return f"{points(found.value)} [{points(found.low)}, {points(found.high)}]"


def share(value: float | None) -> str:
    """Return a share in percent.

    >>> share(0.1234), share(None)
    ('12.3 %', '–')
    """
    return "–" if value is None else f"{100 * value:.1f} %".replace("-", "−")


def share_in(found: Estimate) -> str:
    """Return a share in percent with its interval."""
    if found.low is None:
        return share(found.value)
    return f"{share(found.value)} [{share(found.low)}, {share(found.high)}]"
