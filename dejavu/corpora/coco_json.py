"""Read COCO's JSON files: images, annotations and categories, with ids that name one thing each."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from dejavu.corpora.records import Box
from dejavu.errors import DataError
from dejavu.run import odd_files
from dejavu.tables import brought
from dejavu.tables.brought_values import whole

Id = int | str


def read(path: Path, *keys: str, named_by: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lists `keys` of a COCO file; each entry is an object, and ids are not repeated.

    Args:
        path: the file.
        keys: lists that it must hold: images, annotations, categories.
        named_by: the key of params.yaml that names it, for messages.

    Raises:
        DataError: the file is missing, not JSON, lacks a list, or an image or category is odd or
            repeated: then nobody can say which boxes or captions belong to which image.
    """
    odd_files.require_file(path, named_by=named_by)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # half a character, which no table can hold
            value = _mended(value)
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path}: not valid JSON: {error}") from None
    if missing := [key for key in keys if not isinstance(value, dict) or key not in value]:
        raise DataError(f"{path}: not a COCO file: it lacks {', '.join(missing)}.")
    for key in keys:
        entries = value[key]
        if not isinstance(entries, list):
            raise DataError(f"{path}: {key} is a {type(entries).__name__}, expected a list.")
        for row, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise DataError(
                    f"{path}: {key}[{row}] is a {type(entry).__name__}, expected an object."
                )
    if "images" in keys:
        _require_named(path, "images", value["images"], "file_name", is_unique=True)
    if "categories" in keys:
        _require_named(path, "categories", value["categories"], "name", is_unique=False)
    return {key: value[key] for key in keys}


def by_id(annotations: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row, annotation) in the order of their ids; those without a number keep their place, last."""

    def key(item: tuple[int, dict[str, Any]]) -> tuple[int | float, int]:
        number = item[1].get("id")
        return (number if _is_number(number) else math.inf, item[0])

    yield from sorted(enumerate(annotations), key=key)


def box_of(annotation: Mapping[str, Any], label: str | None, row: int) -> Box:
    """Return the box of an annotation; one that is no list of four numbers has NaN corners."""
    bbox = annotation.get("bbox")
    if isinstance(bbox, list) and len(bbox) == 4 and all(map(_is_number, bbox)):
        x, y, width, height = bbox
        return Box(x, y, x + width, y + height, label, row)
    return Box(math.nan, math.nan, math.nan, math.nan, label, row)


def size_of(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the width and height that an entry of images states; None if it states none."""
    width, height = image.get("width"), image.get("height")
    if _is_number(width) and _is_number(height) and width >= 1 and height >= 1:
        return round(width), round(height)
    return None


def _mended(value: Any) -> Any:
    """Return a value whose texts are whole characters."""
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return whole(value) if isinstance(value, str) else value


def _is_number(value: Any) -> TypeGuard[int | float]:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < 2**53


def _require_named(
    path: Path, key: str, entries: list[dict[str, Any]], name: str, *, is_unique: bool
) -> None:
    for row, entry in enumerate(entries):
        if isinstance(entry.get("id"), bool) or not isinstance(entry.get("id"), (int, str)):
            raise DataError(
                f"{path}: {key}[{row}] has id {entry.get('id')!r}, expected a number or a text."
            )
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise DataError(
                f"{path}: {key}[{row}] has {name} {entry.get(name)!r}, expected a text."
            )
    for each in ("id", name) if is_unique else ("id",):
        if repeated := _repeated([entry[each] for entry in entries]):
            raise DataError(
                f"{path}: {len(repeated)} values of {each} occur in more than one entry of {key}, expected "
                f"each once: {brought.listed(repeated)}. Were files merged whose ids start anew? Give "
                "them distinct ids."
            )


def _repeated(values: list[Any]) -> list[Any]:
    seen: dict[Any, int] = {}
    for value in values:
        seen[value] = seen.get(value, 0) + 1
    return [value for value, n in seen.items() if n > 1]
