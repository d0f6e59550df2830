"""Data sets as people hold them become a folder of images, which the pipeline lists like any other."""

import csv
import dataclasses
import math
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dejavu.api import images
from dejavu.errors import DataError
from dejavu.roles import TARGET
from dejavu.run import seeds
from dejavu.run.progress import track

BOXES = "boxes.csv"
_IMAGE_KEYS, _LABEL_KEYS, _BOX_KEYS = ("image", "img"), ("label",), ("box", "boxes")
_CORNERS = 4
_SHOWN = 8  # keys that a message names


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One sample of a data set."""

    image: Any  # path, bytes of a file, PIL image, or 8-bit pixels as `images.write` takes them
    label: Any
    boxes: np.ndarray  # (n, 4): x0, y0, x1, y1 in pixels, x1 and y1 excluded


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What of the data sets decides how crops are cut."""

    has_boxes: bool
    sides_px: Sequence[int]  # shorter sides of the target images that can be read


def write(data: Mapping[str, Any], folder: Path, *, limit: int | None, seed: int) -> Written:
    """Write ``<role>/<label>/<row>.<suffix>`` and ``boxes.csv``.

    Files are copied as they are; images in memory become PNG, which keeps every pixel.

    Args:
        data: data sets by role.
        folder: to make.
        limit: most samples of a role, drawn at random; None: all.
        seed: of the draw.

    Raises:
        DataError: a data set is empty, or an item is not of a form that `items` knows.
    """
    rows: list[tuple[str, *tuple[float, ...]]] = []
    sides_px: list[int] = []
    for role, found in data.items():
        for row, item in track(items(found, role, limit, seed), what=f"images, {role}"):
            place = folder / role / _folder_name(item.label)
            place.mkdir(parents=True, exist_ok=True)
            file = images.write(item.image, place, row, where=f"{role}[{row}]")
            if role == TARGET:
                sides_px += _shorter_side(file)
            uri = file.relative_to(folder).as_posix()
            rows += [(uri, *box) for box in item.boxes.tolist()]
    if rows:
        with (folder / BOXES).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("path", "x0", "y0", "x1", "y1"))
            writer.writerows(rows)
    return Written(has_boxes=bool(rows), sides_px=sides_px)


def _shorter_side(file: Path) -> list[int]:
    """Return the shorter side that the file's header states; nothing where it has none."""
    try:
        with Image.open(file) as image:
            return [min(image.size)]
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ):  # stage corpus counts and names what cannot be read
        return []


def items(data: Any, role: str, limit: int | None, seed: int) -> Iterator[tuple[int, Item]]:
    """Yield (row, item) of a data set, in its order.

    An item is ``(image, label)``, ``(image, label, box)``, a dict with ``image`` (or ``img``), ``label`` and
    perhaps ``box`` or ``boxes``, or a path whose folder is the label. Labels are integers or texts; the
    names of integers are taken from ``features`` (Hugging Face) or ``classes`` (torchvision).
    """
    names = _names_of(data)
    for row in chosen(data, role, limit, seed):
        where = f"{role}[{row}]"
        yield row, _item(row_of(data, row, where=where), names, where=where)


def row_of(data: Any, row: int, *, where: str) -> Any:
    """Return a row of a data set.

    Raises:
        DataError: it does not count its rows from 0, as a table of pandas does not.
    """
    try:
        return data[row]
    except (KeyError, IndexError) as error:
        raise DataError(
            f"{where}: {type(data).__name__} gives no such row ({error!r}), expected a data set whose rows "
            "count from 0. Of a table: list(zip(table['image'], table['label']))."
        ) from error


def chosen(data: Any, role: str, limit: int | None, seed: int) -> list[int]:
    """Return the rows of a data set, or a draw of `limit` of them, ascending.

    Raises:
        DataError: it has no length, or none of its rows.
    """
    try:
        n = len(data)
    except TypeError:
        raise DataError(
            f"{role}: expected a data set with a length, of (image, label) or of paths; found "
            f"{type(data).__name__}. Make a list of what streams."
        ) from None
    if isinstance(data, Mapping):  # columns, or splits of Hugging Face
        raise DataError(
            f"{role}: expected a data set of (image, label) or of paths; found {type(data).__name__} of "
            f"{_listed(data)}. Give one split of it, or list(zip(images, labels))."
        )
    if not hasattr(data, "__getitem__"):  # a DataLoader, a set
        raise DataError(
            f"{role}: expected a data set whose rows have numbers, of (image, label) or of paths; found "
            f"{type(data).__name__}. Give the data set itself (of a DataLoader: loader.dataset), or a list."
        )
    if n == 0:
        raise DataError(f"{role}: the data set is empty, expected some hundred samples.")
    if limit is None or limit >= n:
        return list(range(n))
    generator = seeds.generator(seed, f"api.audit.limit.{role}")
    drawn: list[int] = np.sort(generator.choice(n, size=limit, replace=False)).tolist()
    return drawn


def _listed(keys: Any) -> str:
    return f"{', '.join(map(repr, list(keys)[:_SHOWN]))}{', …' if len(keys) > _SHOWN else ''}"


def _names_of(data: Any) -> Sequence[str] | None:
    """Return the names of integer labels, where the data set states them."""
    features = getattr(data, "features", None)
    if isinstance(features, Mapping):
        return getattr(features.get("label"), "names", None)
    classes = getattr(data, "classes", None)
    return classes if isinstance(classes, list | tuple) else None


def _item(found: Any, names: Sequence[str] | None, *, where: str) -> Item:
    if isinstance(found, str | Path):
        path = Path(found)
        return Item(image=path, label=path.parent.name, boxes=_boxes(None, where))
    if isinstance(found, Mapping):
        image, label, box = (
            next((found[key] for key in keys if key in found), None)
            for keys in (_IMAGE_KEYS, _LABEL_KEYS, _BOX_KEYS)
        )
    elif isinstance(found, tuple | list) and len(found) in (2, 3):
        image, label, *rest = found
        box = rest[0] if rest else None
    else:
        image = label = box = None
    if image is None or label is None:
        raise DataError(
            f"{where}: expected (image, label), (image, label, box), a dict with image and label, or a "
            f"path; found {type(found).__name__}"
            f"{f' of {_listed(found)}' if isinstance(found, Mapping) else ''}."
        )
    return Item(
        image=images.undecoded(image), label=_label(label, names, where), boxes=_boxes(box, where)
    )


def _label(label: Any, names: Sequence[str] | None, where: str) -> int | str:
    shape = getattr(label, "shape", ())
    value = label.item() if hasattr(label, "item") and math.prod(shape) == 1 else label
    if isinstance(value, bool) or not isinstance(value, int | str):
        of = f" of shape {tuple(shape)}" if len(shape) else ""
        raise DataError(
            f"{where}: a label is an integer or a text, found {type(label).__name__}{of}."
        )
    if isinstance(value, str):
        return value
    if value < 0:
        raise DataError(
            f"{where}: label {value}, which data sets give to images whose label nobody knows. Leave such "
            "images out, or give a split that has labels."
        )
    if names is None:
        return value
    if value >= len(names):
        raise DataError(
            f"{where}: label {value}, but the data set names {len(names)} classes, counted from 0."
        )
    return str(names[value])


def _boxes(box: Any, where: str) -> np.ndarray:
    if box is None or len(box) == 0:
        return np.empty((0, _CORNERS))
    try:
        found = np.atleast_2d(np.asarray(box, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[1] != _CORNERS:
        raise DataError(
            f"{where}: a box is x0, y0, x1, y1 in pixels (or a list of such), found {box!r}."
        )
    return found


def _folder_name(label: int | str) -> str:
    """Return a label as the name of a folder: what no file system takes is written as %XX."""
    name = urllib.parse.quote(str(label), safe=" ()+,;=@&'!$")
    if not name:
        raise DataError("a label is an empty text, expected a name.")
    return f"%2E{name[1:]}" if name.startswith(".") else name
