"""Data sets of images, captions and objects become a folder, which the pipeline lists like any other."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dejavu.api import datasets, images
from dejavu.errors import DataError
from dejavu.run.progress import track

CAPTIONS, OBJECTS = "captions.parquet", "objects.parquet"
_IMAGE_KEYS, _CAPTION_KEYS, _OBJECT_KEYS = ("image", "img"), ("caption", "text"), ("objects",)
_FORMS = "(image, caption, objects) or a dict with image, caption and objects"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One sample of a data set."""

    image: Any  # as `datasets.Item` has it
    caption: str
    objects: tuple[str, ...]  # names of what the image shows; may be none


def write(data: Mapping[str, Any], folder: Path, *, limit: int | None, seed: int) -> None:
    """Write ``<role>/<row>.<suffix>``, and tables of captions and of objects.

    Args:
        data: data sets by role.
        folder: to make.
        limit: most samples of a role, drawn at random; None: all.
        seed: of the draw.

    Raises:
        DataError: a data set is empty, or an item is not of a form that `pairs` knows.
    """
    captions: dict[str, list[Any]] = {"path": [], "caption": []}
    objects: dict[str, list[Any]] = {"sample_name": [], "object": [], "score": []}
    for role, given in data.items():
        place = folder / role
        place.mkdir(parents=True, exist_ok=True)
        for row, pair in track(pairs(given, role, limit, seed), what=f"pairs, {role}"):
            file = images.write(pair.image, place, row, where=f"{role}[{row}]")
            name = file.relative_to(folder).as_posix()
            captions["path"].append(name)
            captions["caption"].append(pair.caption)
            names = pair.objects or (None,)  # the one row of an image that shows nothing
            objects["sample_name"] += [name] * len(names)
            objects["object"] += names
            objects["score"] += [1.0 if pair.objects else None] * len(names)
    pq.write_table(pa.table(captions), folder / CAPTIONS)
    types = pa.schema(
        {"sample_name": pa.string(), "object": pa.string(), "score": pa.float64()}.items()
    )
    pq.write_table(pa.table(objects, schema=types), folder / OBJECTS)


def pairs(data: Any, role: str, limit: int | None, seed: int) -> Iterator[tuple[int, Pair]]:
    """Yield (row, pair) of a data set, in its order.

    An item is ``(image, caption, objects)``, or a dict with ``image`` (or ``img``), ``caption`` (or ``text``)
    and ``objects``, a list of names.
    """
    for row in datasets.chosen(data, role, limit, seed):
        where = f"{role}[{row}]"
        yield row, _pair(datasets.row_of(data, row, where=where), where=where)


def _pair(given: Any, *, where: str) -> Pair:
    image = caption = objects = None
    if isinstance(given, Mapping):
        image, caption, objects = (
            next((given[key] for key in keys if key in given), None)
            for keys in (_IMAGE_KEYS, _CAPTION_KEYS, _OBJECT_KEYS)
        )
    elif isinstance(given, tuple | list) and len(given) == len(dataclasses.fields(Pair)):
        image, caption, objects = given
    if image is None or caption is None or objects is None:
        raise DataError(
            f"{where}: expected {_FORMS}, found {type(given).__name__}. Objects are what the audit "
            "guesses: an image without any has an empty list."
        )
    if not isinstance(caption, str):
        raise DataError(
            f"{where}: a caption is one text, found {type(caption).__name__}. Choose one where there are "
            "several: captions of one image tell about each other."
        )
    if isinstance(objects, str) or not all(isinstance(name, str) and name for name in objects):
        raise DataError(f"{where}: objects are a list of names, found {objects!r:.100}.")
    return Pair(image=images.undecoded(image), caption=caption, objects=tuple(sorted(set(objects))))
