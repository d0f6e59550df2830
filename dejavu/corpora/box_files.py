"""Read bounding boxes that stand beside the images: CSV, Parquet or COCO JSON."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from dejavu.corpora.files import HINT
from dejavu.corpora.records import Box
from dejavu.errors import DataError

CORNERS = ("x0", "y0", "x1", "y1")  # pixels; x1 and y1 are the first column and row outside


def read_boxes(path: Path) -> dict[str, tuple[Box, ...]]:
    """Return the boxes of each image, by its path as the file states it.

    A table has columns path, x0, y0, x1, y1 and, if there is one, label. A COCO JSON has images,
    annotations with bbox = x, y, width, height, and, if there are any, categories. Fractions of
    pixels are rounded outward, so that a crop beside the box shows nothing of the object.

    Raises:
        DataError: the file is missing, of another kind, or lacks a column.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file of boxes. {HINT}")
    try:
        if path.suffix.lower() == ".json":
            rows = _coco_rows(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix.lower() == ".csv":
            rows = _table_rows(path, pa.csv.read_csv(path))
        elif path.suffix.lower() == ".parquet":
            rows = _table_rows(path, pq.read_table(path))
        else:
            raise DataError(f"{path}: expected boxes as .csv, .parquet or COCO .json.")
        boxes: dict[str, list[Box]] = {}
        for name, x0, y0, x1, y1, label in rows:
            corners = (math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))
            boxes.setdefault(name, []).append(Box(*corners, label=label))
    except (KeyError, OverflowError, TypeError, ValueError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{path}: cannot read its boxes: {error!r}. Expected columns path, x0, y0, x1, y1 with "
            "pixels as numbers, or a COCO JSON with images and annotations."
        ) from None
    return {name: tuple(found) for name, found in boxes.items()}


def _table_rows(path: Path, table: pa.Table) -> list[tuple[Any, ...]]:
    missing = [name for name in ("path", *CORNERS) if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path}: lacks columns {missing}, found {table.column_names}; expected path, x0, y0, "
            "x1, y1 and, if there is one, label."
        )
    n_empty = sum(table[name].null_count for name in ("path", *CORNERS))
    if n_empty:
        raise DataError(
            f"{path}: {n_empty} cells of path, x0, y0, x1, y1 are empty, expected none."
        )
    labels = table["label"].to_pylist() if "label" in table.column_names else [None] * len(table)
    columns = [table[name].to_pylist() for name in ("path", *CORNERS)]
    return list(zip(*columns, labels, strict=True))


def _coco_rows(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    files = {image["id"]: image["file_name"] for image in document["images"]}
    names = {entry["id"]: entry["name"] for entry in document.get("categories", [])}
    rows = []
    for entry in document["annotations"]:
        x, y, width, height = entry["bbox"]
        label = names.get(entry.get("category_id"))
        rows.append((files[entry["image_id"]], x, y, x + width, y + height, label))
    return rows
