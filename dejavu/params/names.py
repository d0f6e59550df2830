"""What an entry of params.yaml may be called: names become folders, parts of commands and keys of DVC.

A name is text of ASCII letters, digits, ``_`` and ``-``. So no shell finds a command in it, no path
leaves its folder, no dotted key of DVC is cut in two, and no two names look alike.
"""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from dejavu.text import printable

MAX_NAME = 64  # characters; packed names hold up to three, and a file name 255 bytes
_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)
_NUMBER = re.compile(r"[0-9_]+|[0-9.]+e-?[0-9]+|0[xob][0-9a-f_]+", re.ASCII | re.IGNORECASE)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", re.ASCII
)  # readers of folders take it for one
# YAML readers make something else than text of these where they stand without quotes
_NOT_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "nan", "inf"}
RULE = (
    "a name is text of letters (a-z, A-Z), digits, _ and -, does not start with -, is no number, no date "
    f"and none of {', '.join(sorted(_NOT_TEXT))}, and has at most {MAX_NAME} characters"
)


def problem_of(name: object, *, longest: int = MAX_NAME) -> str | None:
    """Say why something is no name; None if it is one.

    >>> problem_of("vit-b_32")
    >>> problem_of("ViT-B/32")
    "holds '/'"
    >>> problem_of("32")
    'is a number'
    """
    if not isinstance(name, str):
        return f"is no text but {'nothing' if name is None else type(name).__name__}"
    if not name:
        return "is empty"
    if strangers := re.findall(r"[^A-Za-z0-9_-]", name):
        shown = ", ".join(dict.fromkeys(_shown(c) for c in strangers[:100]))
        return f"holds {shown}"
    if not _PATTERN.fullmatch(name):
        return "starts with '-'"
    if _NUMBER.fullmatch(name):
        return "is a number"
    if _DATE.fullmatch(name):
        return "is a date"
    if name.lower() in _NOT_TEXT:
        return "means something else in YAML"
    return f"has {len(name)} characters" if len(name) > longest else None


def _shown(character: str) -> str:
    """Return a character in quotes; one outside ASCII with its code point, as it may look like another."""
    code = "" if character.isascii() else f" (U+{ord(character):04X})"
    return f"'{printable(character, keep='')}'{code}"


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names that differ in case only: one folder, where a file system ignores case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            return other, name
    return None


def check_name(name: str) -> str:
    """Return a name as it is; a ValueError says why something is none."""
    if reason := problem_of(name):
        raise ValueError(f"is not a name, it {reason}: {RULE}")
    return name


def check_reference(packed: str) -> str:
    """Return the name of a predictor as it is: of names joined by ``_``, with ``@number`` or without.

    >>> check_reference("naive_bayes_visual_words@5")
    'naive_bayes_visual_words@5'
    """
    name, at, number = packed.partition("@")
    if at and not re.fullmatch(r"[1-9][0-9]{0,5}", number):
        raise ValueError("is not a reference: after @ stands a number, as in naive_bayes@5")
    if reason := problem_of(name, longest=3 * MAX_NAME):
        raise ValueError(f"is not a reference, its name {reason}: {RULE}")
    return packed


Name = Annotated[str, AfterValidator(check_name)]
Reference = Annotated[str, AfterValidator(check_reference)]
References = Annotated[tuple[Reference, ...], Field(strict=False)]
Layers = Annotated[tuple[Name, ...], Field(strict=False)]
