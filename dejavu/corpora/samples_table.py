"""Corpus ``samples_table``: a list of samples whose images stay elsewhere.

One row per sample:

    sample_name      unique, and the same wherever the sample is named
    label            image lane: name of the hidden object
    caption          caption lane
    width_px         image lane: size of the image, which boxes and crops refer to
    height_px
    boxes            optional: a list of x0, y0, x1, y1 and, if known, label; as JSON in a CSV. In the
                     caption lane, where any box has a label: an empty list says that the image shows
                     nothing, and an empty cell, or a box without a label, that nobody said what it shows
    x0 y0 x1 y1      optional instead of boxes: the box of the labeled object, empty where it has none
    sha256           optional: of the image's file (hexadecimal), so that duplicates are found
    perceptual_hash  optional: 64-bit pHash (hexadecimal), so that near duplicates are found
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.corpora.records import Box, Record, Stated
from dejavu.corpora.roots import local_root
from dejavu.errors import DataError
from dejavu.params.corpora import SamplesTableParams
from dejavu.tables import brought
from dejavu.tables.brought_values import Column

_CORNERS = ("x0", "y0", "x1", "y1")
COLUMNS = (
    Column(name="sample_name", kind="text", is_required=True),
    *(Column(name=name, kind="text") for name in ("label", "caption", "sha256", "perceptual_hash")),
    Column(name="boxes", kind="boxes"),
    *(Column(name=name, kind="integer") for name in ("width_px", "height_px")),
    *(Column(name=name, kind="number") for name in _CORNERS),
)
_HASH_DIGITS = 16


class SamplesTable:
    """Lists the rows of the table; nothing of them can be opened."""

    root: str | None = None

    def __init__(self, settings: SamplesTableParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.path = local_root(data_root, settings.path)
        self._rows = brought.read(
            self.path, COLUMNS, named_by="corpus.path", unique=["sample_name"]
        )
        names: set[str] = set()
        if "label" in self._rows.column_names:
            names = set(pc.unique(self._rows["label"]).to_pylist()) - {None}
        self.labels: tuple[str, ...] = tuple(sorted(names))
        self._names_objects = _has_labels(self._rows)

    def records(self) -> Iterator[Record]:
        """Yield one record per row, in the order of the table.

        Raises:
            DataError: a value has the wrong form.
        """
        ids = {label: number for number, label in enumerate(self.labels)}
        number = 0
        for batch in self._rows.to_batches(max_chunksize=65_536):
            for row in batch.to_pylist():
                number += 1
                yield self._record(row, ids, number)

    def _record(self, row: Mapping[str, Any], ids: Mapping[str, int], number: int) -> Record:
        name, label = row["sample_name"], row.get("label")
        if name is None:
            raise DataError(f"{self.path}: row {number} has no sample_name, expected one in each.")
        try:
            stated = Stated(
                width_px=_side(row.get("width_px")),
                height_px=_side(row.get("height_px")),
                content_hash=_hash(row.get("sha256")),
                perceptual_hash=_signed(_hash(row.get("perceptual_hash"))),
            )
        except ValueError as error:
            raise DataError(f"{self.path}: row {number} (sample {name!r}): {error}.") from None
        return Record(
            name=name,
            uri=name,
            label_id=None if label is None else ids[label],
            caption=row.get("caption"),
            boxes=_boxes(row, number),
            boxes_from=self.path.name,
            stated=stated,
            knows_objects=not self._names_objects or _is_annotated(row),
            problem="no_label" if "label" in row and label is None else None,
        )


def _has_labels(rows: pa.Table) -> bool:
    """Return whether any box names its object: then boxes say what images show."""
    if "boxes" not in rows.column_names:
        return False
    labels = pc.struct_field(pc.list_flatten(rows["boxes"]), "label")
    return labels.null_count < len(labels)


def _is_annotated(row: Mapping[str, Any]) -> bool:
    return row["boxes"] is not None and all(box["label"] is not None for box in row["boxes"])


def _side(value: int | None) -> int | None:
    if value is not None and not 0 < value < 2**31:
        raise ValueError(f"{value} pixels are no width or height of an image")
    return value


def _hash(value: str | None) -> str | None:
    digits = (value or "").lower()[:_HASH_DIGITS]
    if not digits:
        return None
    if len(digits) < _HASH_DIGITS or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"{value!r} is no hash of at least {_HASH_DIGITS} hexadecimal digits")
    return digits


def _signed(digits: str | None) -> int | None:
    """Return 16 hexadecimal digits as a signed 64-bit integer, as the samples table holds them."""
    return None if digits is None else int.from_bytes(bytes.fromhex(digits), "big", signed=True)


def _boxes(row: Mapping[str, Any], number: int) -> tuple[Box, ...]:
    """Return the boxes of a row; a corner that is missing beside others is NaN: nobody can place it."""
    listed = row.get("boxes")
    if listed is None:
        listed = [row] if any(row.get(name) is not None for name in _CORNERS) else []
    boxes = []
    for each in listed:
        x0, y0, x1, y1 = (math.nan if each.get(name) is None else each[name] for name in _CORNERS)
        boxes.append(Box(x0, y0, x1, y1, each.get("label"), number))
    return tuple(boxes)
