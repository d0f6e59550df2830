"""Corpus ``samples_table``: a list of samples whose images stay elsewhere.

One row per sample:

    sample_name      unique, and the same wherever the sample is named
    label            image lane: name of the hidden object
    caption          caption lane
    width_px         image lane: size of the image, which boxes and crops refer to
    height_px
    boxes            optional: a list of x0, y0, x1, y1 and, if known, label; as JSON in a CSV
    x0 y0 x1 y1      optional instead of boxes: the box of the labeled object, empty where it has none
    sha256           optional: of the image's file (hexadecimal), so that duplicates are found
    perceptual_hash  optional: 64-bit pHash (hexadecimal), so that near duplicates are found
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.corpora.image_reader import external_root
from dejavu.corpora.records import Box, Record, Stated
from dejavu.corpora.table_files import read_table
from dejavu.errors import DataError
from dejavu.params.corpora import SamplesTableParams

TEXTS = ("sample_name", "label", "caption", "boxes", "sha256", "perceptual_hash")
NUMBERS = ("width_px", "height_px", "x0", "y0", "x1", "y1")
_CORNERS = ("x0", "y0", "x1", "y1")
_HASH_DIGITS = 16


class SamplesTable:
    """Lists the rows of the table; nothing of them can be opened."""

    root: str | None = None

    def __init__(self, settings: SamplesTableParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.path = external_root(data_root, settings.path)
        rows = read_table(self.path, named_by="corpus.path", texts=TEXTS)
        if "sample_name" not in rows.column_names:
            raise DataError(
                f"{self.path}: no column 'sample_name'; found {', '.join(rows.column_names)}. Expected "
                f"sample_name and, as the lane needs them, {', '.join((*TEXTS[1:], *NUMBERS))}."
            )
        self._rows = rows.select([n for n in (*TEXTS, *NUMBERS) if n in rows.column_names])
        names: set[str] = set()
        if "label" in rows.column_names:
            names = {_text(name) for name in pc.unique(rows["label"]).to_pylist()} - {""}
        self.labels: tuple[str, ...] = tuple(sorted(names))

    def records(self) -> Iterator[Record]:
        """Yield one record per row, in the order of the table.

        Raises:
            DataError: a value has the wrong form.
        """
        ids = {label: number for number, label in enumerate(self.labels)}
        for batch in self._rows.to_batches(max_chunksize=65_536):
            for row in pa.Table.from_batches([batch]).to_pylist():
                yield self._record(row, ids)

    def _record(self, row: Mapping[str, Any], ids: Mapping[str, int]) -> Record:
        name, label = _text(row["sample_name"]), _text(row.get("label"))
        try:
            stated = Stated(
                width_px=_number(row.get("width_px")),
                height_px=_number(row.get("height_px")),
                content_hash=_hash(row.get("sha256")),
                perceptual_hash=_signed(_hash(row.get("perceptual_hash"))),
            )
            boxes = _boxes(row)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise DataError(f"{self.path}: sample {name!r}: cannot be read: {error!r}.") from None
        return Record(
            name=name,
            uri=name,
            label_id=ids.get(label),
            caption=_text(row.get("caption")) or None,
            boxes=boxes,
            stated=stated,
            problem="no_label" if "label" in row and not label else None,
        )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if int(value) != float(value):
        raise ValueError(f"{value!r} is no whole number of pixels")
    return int(value)


def _hash(value: Any) -> str | None:
    digits = _text(value).lower()[:_HASH_DIGITS]
    if not digits:
        return None
    if len(digits) < _HASH_DIGITS or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"{value!r} is no hash of at least {_HASH_DIGITS} hexadecimal digits")
    return digits


def _signed(digits: str | None) -> int | None:
    """Return 16 hexadecimal digits as a signed 64-bit integer, as the samples table holds them."""
    return None if digits is None else int.from_bytes(bytes.fromhex(digits), "big", signed=True)


def _boxes(row: Mapping[str, Any]) -> tuple[Box, ...]:
    listed = row.get("boxes")
    if isinstance(listed, str):
        listed = json.loads(listed) if listed.strip() else []
    if listed is None and all(_number(row.get(name)) is not None for name in _CORNERS):
        listed = [row]
    found = []
    for each in listed or []:
        corners = [_number(each[name]) for name in _CORNERS]
        x0, y0, x1, y1 = (corner for corner in corners if corner is not None)
        found.append(Box(x0, y0, x1, y1, label=_text(each.get("label")) or None))
    return tuple(found)
