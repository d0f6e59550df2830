"""Read params.yaml as plain values, in bounded time and memory, whatever the file holds.

YAML can say more than a run can mean: aliases that unfold to billions of values, nesting without end,
infinite numbers, keys that are no text. What DVC and the stages would trip over later is refused here.
"""

import copy
import functools
import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    NodeEvent,
)

from dejavu.errors import ParamsError
from dejavu.files import merge_conflicts
from dejavu.params import collisions
from dejavu.params.names import RULE, alike, problem_of
from dejavu.text import printable

MAX_BYTES = 1 << 19  # the longest preset has 2 % of it
MAX_DEPTH = 20  # mappings and lists within each other; presets use 5
MAX_VALUES = 20_000  # with what aliases repeat
MAX_TEXT = 10_000  # characters of one value
MAX_INTEGER = 2**63 - 1
# Mappings whose keys are folders or files of a corpus, and may have any name that those have
_PATH_KEYS = re.compile(r"(image|caption)\.split\.roles_from\.(folders|partitions)")


def read(path: Path) -> dict[str, Any]:
    """Read a whole params.yaml as plain dicts and lists, and check what holds for every key and value.

    Every key is a name (`dejavu.params.names`), except folders and files of a corpus that are given
    roles. Every number is finite and fits 64 bits. No two entries share a name in the results.

    Raises:
        ParamsError: no such file, not a regular one, unreadable, too large, no YAML of UTF-8, too
            deep, too many values, or a key or value as above; the message names the key.
    """
    return copy.deepcopy(_parsed(path, _text(path)))


@functools.lru_cache(maxsize=4)  # a command reads many sections of one file
def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        _bound(path, text)
        value = YAML(typ="safe", pure=True).load(text)
    except DuplicateKeyError as error:
        raise ParamsError(f"{path}: {_duplicate(error)}") from None
    except YAMLError as error:
        problem = merge_conflicts.problem_of(path, text)
        raise ParamsError(problem or f"{path}: not valid YAML: {_brief(error)}") from None
    except (ValueError, OverflowError, TypeError, AttributeError, KeyError, IndexError) as error:
        # the YAML library passes on what Python says to dates and numbers that do not exist
        reason = printable(str(error)).partition("; use ")[0][:300]
        raise ParamsError(f"{path}: not valid YAML: {reason}") from None
    if not isinstance(value, dict):
        raise ParamsError(f"{path}: expected a mapping of sections, found {type(value).__name__}.")
    _check(path, value)
    return value


def _text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ParamsError(f"{path}: is a folder, expected a file. Name the params.yaml in it.")
        if not stat.S_ISREG(mode):
            raise ParamsError(f"{path}: is a device or a pipe, expected a file.")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ParamsError(
            f"{path}: no such file. Copy one of presets/*.yaml to params.yaml."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParamsError(f"{path}: cannot be read ({reason}).") from None
    if len(raw) > MAX_BYTES:
        raise ParamsError(f"{path}: is larger than {MAX_BYTES} bytes. Move long lists into files.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ParamsError(
            f"{path}: line {line}: byte 0x{raw[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        ) from None


def _bound(path: Path, text: str) -> None:
    """Refuse a file that is too deep, or unfolds to too many values, before anything is built of it.

    Reading events neither recurses nor follows an alias; an alias counts as much as what it repeats.
    """
    open_since: list[tuple[str | None, int]] = []  # anchor of each open node, values before it
    sizes: dict[str, int] = {}  # of what an anchor names, in values
    n = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, AliasEvent):
            is_within_itself = any(anchor == event.anchor for anchor, _ in open_since)
            n += MAX_VALUES if is_within_itself else sizes.get(event.anchor, 0)
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_since.pop()
            if anchor:
                sizes[anchor] = n - before
        elif isinstance(event, NodeEvent):
            n += 1
            if isinstance(event, CollectionStartEvent):
                open_since.append((event.anchor, n - 1))
            elif event.anchor:
                sizes[event.anchor] = 1
        if len(open_since) > MAX_DEPTH:
            raise ParamsError(
                f"{path}: line {_line(event)}: more than {MAX_DEPTH} mappings and lists within each other."
            )
        if n > MAX_VALUES:
            raise ParamsError(
                f"{path}: line {_line(event)}: more than {MAX_VALUES} values, counting what aliases (*name) "
                "repeat. Write out what you mean, or move long lists into files."
            )


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _check(path: Path, content: dict[str, Any]) -> None:
    for where, value in _walk("", content):
        if reason := _misfit(value):
            raise ParamsError(f"{path}: {where}: {reason}.")
        if isinstance(value, dict) and not _PATH_KEYS.fullmatch(where):
            _check_keys(path, where or "the file", list(value))
    if reason := collisions.problem_of(content):
        raise ParamsError(f"{path}: {reason}.")


def _walk(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield where, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(f"{where}.{key}" if where else str(key), item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(where, item)


def _check_keys(path: Path, where: str, keys: list[Any]) -> None:
    for key in keys:
        if reason := problem_of(key):
            shown = repr(key) if isinstance(key, str | int | float) else type(key).__name__
            raise ParamsError(f"{path}: {where}: {printable(shown)[:100]} {reason}: {RULE}.")
    if pair := alike(keys):
        raise ParamsError(
            f"{path}: {where}: {pair[0]!r} and {pair[1]!r} differ in case only, and would share one folder "
            "where file names ignore case. Rename one."
        )


def _misfit(value: Any) -> str | None:
    """Say why a value can mean nothing to any section."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, int):
        return None if abs(value) <= MAX_INTEGER else "is a larger integer than 64 bits hold"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}, expected a finite number"
    if not isinstance(value, str):
        return f"is a {type(value).__name__}, expected text, a number, true, false or null"
    if len(value) > MAX_TEXT:
        return f"is a text of {len(value)} characters, expected at most {MAX_TEXT}"
    if printable(value, keep="\n\t") != value:
        return f"is {printable(repr(value))[:100]}, expected text without control characters"
    return None


def _duplicate(error: DuplicateKeyError) -> str:
    found = re.search(r'found duplicate key "(.*?)" with value', str(error.problem), re.DOTALL)
    line = error.problem_mark.line + 1 if error.problem_mark else "?"
    key = f" {printable(found[1])[:100]!r}" if found else ""
    return f"line {line}: the key{key} stands there a second time. Keep one of them."


def _brief(error: YAMLError) -> str:
    """Return what is wrong and where, without the file's text and the library's advice."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return where + printable(problem.replace("\n", " "))[:300]
