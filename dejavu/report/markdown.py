"""Documents in Markdown: how their templates are read, and texts that stay inside their cell."""

from collections.abc import Callable
from typing import Any

import jinja2

from dejavu.text import printable


def templates(**filters: Callable[..., str]) -> jinja2.Environment:
    """Return the templates of the package for Markdown, with `filters` by the name that they use."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # not HTML; what comes from a run goes through `cell` or `literal`
    )
    environment.filters |= filters
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
