"""Text from outside, made safe to show: terminals obey control characters, and spreadsheets formulas."""

import re
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # hold together emoji and the letters of some scripts
# What spreadsheets take for the start of a formula, some of East Asian locales also in full width; a tab or a
# line break before it is left out when they read
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_IGNORED = re.compile(
    r"[\s\ufeff\u200b-\u200f\u2060]*"
)  # what some spreadsheets leave out in front
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def printable(text: str, *, keep: str = "\n") -> str:
    r"""Return `text` with everything that a terminal would obey, or not show, written as an escape.

    That is: control characters (colors, cursor moves, window titles), marks that turn the reading
    direction, separators of lines, halves of surrogate pairs, and code points without a character.

    Args:
        text: from a table, a file, a name or an error message.
        keep: control characters that are meant; by default line breaks.

    >>> printable("a\x1b[31mb\x9b2J")
    'a\\x1b[31mb\\x9b2J'
    >>> printable("one\ntwo"), printable("one\ntwo", keep="")
    ('one\ntwo', 'one\\ntwo')
    """
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) or c in keep else _escaped(c) for c in text)


def json_printable(text: str) -> str:
    r"""Return JSON that means the same and holds nothing a terminal would obey.

    >>> json_printable('["a\x9bb"]')
    '["a\\u009bb"]'
    """
    if text.isprintable():
        return text
    return "".join(
        c if _is_shown(c) or c == "\n" else "".join(f"\\u{unit:04x}" for unit in _utf16(c))
        for c in text
    )


def spreadsheet_safe(value: Any) -> Any:
    """Return a cell that a spreadsheet shows instead of running: text like ``=1+1`` gets a leading ``'``.

    Numbers, also those written as text, and all other values stay as they are.

    >>> [spreadsheet_safe(value) for value in ("=1+1", "＝1+1", " =1", "-0.5", "-rf", -0.5, "a=b")]
    ["'=1+1", "'＝1+1", "' =1", '-0.5', "'-rf", -0.5, 'a=b']
    """
    if not isinstance(value, str):
        return value
    begun = _IGNORED.sub("", value, count=1)
    if not value.startswith(FORMULA_STARTS) and not begun.startswith(FORMULA_STARTS):
        return value
    return (
        value
        if _NUMBER.fullmatch(begun) and not value.startswith(("\t", "\r", "\n"))
        else f"'{value}"
    )


def _is_shown(character: str) -> bool:
    return (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"  # spaces of other widths
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
