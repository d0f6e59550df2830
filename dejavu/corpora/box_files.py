"""Read bounding boxes that stand beside the images: a table or COCO JSON."""

import collections
import dataclasses
import json
import math
import unicodedata
from pathlib import Path

import pyarrow.parquet as pq

from dejavu.corpora import coco_json
from dejavu.corpora.records import Box
from dejavu.errors import DataError
from dejavu.tables import brought
from dejavu.tables.brought_values import Column

CORNERS = ("x0", "y0", "x1", "y1")  # pixels; x1 and y1 are the first column and row outside
COLUMNS = (
    Column(name="path", kind="text", is_required=True),
    *(Column(name=corner, kind="number", is_required=True) for corner in CORNERS),
    Column(name="label", kind="text"),
)
NAMED_BY = "image.corpus.boxes"
MADE_BY = b"dejavu.detect_boxes"  # metadata of a Parquet file: the annotator that made it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BoxFile:
    """What a file says of images, by their path as it states it."""

    boxes: dict[str, tuple[Box, ...]]  # images that the file lists without a box have none
    sizes: dict[str, tuple[int, int]]  # width, height that boxes refer to, where that is stated

    def path_of(self, uri: str) -> str:
        """Return the path that stands for an image, whichever way its letters are composed."""
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, uri)
            if uri not in self.boxes and other in self.boxes:
                return other
        return uri


def found_by(path: Path) -> str | None:
    """Return which annotator made a file of boxes, as `dejavu detect-boxes` noted; None: it says nothing."""
    if path.suffix.lower() != ".parquet":
        return None
    noted = (pq.read_schema(path).metadata or {}).get(MADE_BY)
    try:
        facts = json.loads(noted) if noted else {}
        settings = facts["settings"]
        return (
            f"{settings['source']} ({settings.get('name') or facts['weights']})"
            if settings
            else None
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # metadata of somebody else


def read_boxes(path: Path) -> BoxFile:
    """Return the boxes of each image, and the size they refer to.

    A table has columns path, x0, y0, x1, y1 and, if there is one, label. A COCO JSON has images,
    annotations with bbox = x, y, width, height, and, if there are any, categories. A corner that
    cannot be read is NaN: the box is counted as dropped once it is compared with its image.

    Raises:
        DataError: the file is missing, of another kind, lacks a column, or repeats an image's id.
    """
    if path.suffix.lower() == ".json":
        return _from_coco(path)
    if path.suffix.lower() not in brought.SUFFIXES:
        raise DataError(
            f"{path}: expected boxes as {', '.join(brought.SUFFIXES)} or COCO .json ({NAMED_BY} names it)."
        )
    table = brought.read(path, COLUMNS, named_by=NAMED_BY)
    labels = table["label"].to_pylist() if "label" in table.column_names else [None] * len(table)
    boxes: dict[str, list[Box]] = collections.defaultdict(list)
    columns = (table[name].to_pylist() for name in ("path", *CORNERS))
    for row, (name, *corners, label) in enumerate(zip(*columns, labels, strict=True), start=1):
        if name is None:
            raise DataError(f"{path}: row {row} names no image: path is empty.")
        x0, y0, x1, y1 = (math.nan if corner is None else corner for corner in corners)
        boxes[name].append(Box(x0, y0, x1, y1, label, row))
    return BoxFile(boxes={name: tuple(found) for name, found in boxes.items()}, sizes={})


def _from_coco(path: Path) -> BoxFile:
    document = coco_json.read(path, "images", "annotations", named_by=NAMED_BY)
    names: dict[coco_json.Id, str] = {}
    if any("category_id" in entry for entry in document["annotations"]):
        categories = coco_json.read(path, "categories", named_by=NAMED_BY)["categories"]
        names = {entry["id"]: entry["name"] for entry in categories}
    files = {image["id"]: image["file_name"] for image in document["images"]}
    boxes: dict[str, list[Box]] = {name: [] for name in files.values()}
    strangers = []
    for row, entry in enumerate(document["annotations"]):
        owner, category = entry.get("image_id"), entry.get("category_id")
        if not isinstance(owner, (int, str)) or owner not in files:
            strangers.append(owner)
            continue
        label = names.get(category) if isinstance(category, (int, str)) else None
        boxes[files[owner]].append(coco_json.box_of(entry, label, row))
    if strangers:
        raise DataError(
            f"{path}: {len(strangers)} of {len(document['annotations'])} annotations are of images that its "
            f"list images does not have: image_id {brought.listed(strangers)}."
            + (
                " Ids are text in one list and numbers in the other."
                if set(map(str, strangers)) & set(map(str, files))
                else ""
            )
        )
    sizes = {
        image["file_name"]: size
        for image in document["images"]
        if (size := coco_json.size_of(image)) is not None
    }
    return BoxFile(boxes={name: tuple(found) for name, found in boxes.items()}, sizes=sizes)
