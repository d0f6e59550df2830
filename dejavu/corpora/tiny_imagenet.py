"""Corpus ``tiny_imagenet``: 64-pixel photographs with one box each, in the official layout.

``wnids.txt`` lists the classes, ``words.txt`` names them; ``train/<wnid>/images/*.JPEG`` have their
boxes in ``train/<wnid>/<wnid>_boxes.txt``; ``val/images/*.JPEG`` have classes and boxes in
``val/val_annotations.txt``. Box corners are both inside the box.
"""

import collections
import math
from collections.abc import Iterator
from pathlib import Path

from dejavu.corpora.class_names import short_names
from dejavu.corpora.files import image_files, lines
from dejavu.corpora.records import Box, Record
from dejavu.corpora.roots import local_root
from dejavu.errors import DataError, ParamsError, suggestion
from dejavu.params.corpora import TinyImageNetParams


class TinyImageNet:
    """Lists the photographs of the official folders."""

    def __init__(self, settings: TinyImageNetParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.root: str | None = settings.root
        self.settings = settings
        self.folder = local_root(data_root, settings.root)
        self.wnids = _chosen_wnids(self.folder, settings.wnids)
        self.names = _class_names(self.folder, self.wnids)
        self.labels = tuple(self.names[wnid] for wnid in self.wnids)
        self.label_ids = {wnid: label_id for label_id, wnid in enumerate(self.wnids)}

    def records(self) -> Iterator[Record]:
        """Yield the photographs of the folders in `use`, class by class."""
        if "train" in self.settings.use:
            for wnid in self.wnids:
                yield from self._train(wnid)
        if "val" in self.settings.use:
            yield from self._val()

    def _train(self, wnid: str) -> Iterator[Record]:
        folder = self.folder / "train" / wnid
        boxes = collections.defaultdict(list)
        for name, *corners in _table(folder / f"{wnid}_boxes.txt", n_columns=5):
            boxes[name].append(self._box(corners, wnid))
        for file in image_files(folder / "images"):
            yield self._record(f"train/{wnid}/images/{file.name}", wnid, boxes.get(file.name, []))

    def _val(self) -> Iterator[Record]:
        boxes = collections.defaultdict(list)
        classes = {}
        for name, wnid, *corners in _table(self.folder / "val/val_annotations.txt", n_columns=6):
            classes[name] = wnid
            boxes[name].append(self._box(corners, wnid))
        for file in image_files(self.folder / "val/images"):
            wnid = classes.get(file.name, "")
            if not wnid:
                raise DataError(
                    f"{self.folder / 'val/images' / file.name}: not in val_annotations.txt, "
                    "expected one line per photograph. Unpack the archive anew."
                )
            if wnid in self.label_ids:
                yield self._record(f"val/images/{file.name}", wnid, boxes[file.name])

    def _record(self, uri: str, wnid: str, boxes: list[Box]) -> Record:
        return Record(
            name=Path(uri).stem, uri=uri, label_id=self.label_ids[wnid], boxes=tuple(boxes)
        )

    def _box(self, corners: list[str], wnid: str) -> Box:
        try:
            x0, y0, x1, y1 = (int(corner) for corner in corners)
        except ValueError:  # counted once it is compared with its image
            return Box(math.nan, math.nan, math.nan, math.nan, self.names.get(wnid, wnid))
        return Box(x0, y0, x1 + 1, y1 + 1, self.names.get(wnid, wnid))


def _chosen_wnids(folder: Path, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    known = sorted(line.strip() for line in lines(folder / "wnids.txt") if line.strip())
    if chosen is None:
        return tuple(known)
    for wnid in chosen:
        if wnid not in known:
            raise ParamsError(
                f"corpus.wnids: {folder / 'wnids.txt'} has no {wnid!r}.{suggestion(wnid, known)}"
            )
    return tuple(sorted(chosen))


def _class_names(folder: Path, wnids: tuple[str, ...]) -> dict[str, str]:
    """Return the first name of each class; classes that share one also get their wnid."""
    return short_names(dict(_table(folder / "words.txt", n_columns=2)), wnids)


def _table(path: Path, *, n_columns: int) -> Iterator[list[str]]:
    for number, line in enumerate(lines(path), start=1):
        cells = line.rstrip("\n").split("\t")
        if len(cells) != n_columns:
            raise DataError(
                f"{path}, line {number}: found {len(cells)} columns between tabs, expected "
                f"{n_columns}. Unpack the archive anew."
            )
        yield cells
