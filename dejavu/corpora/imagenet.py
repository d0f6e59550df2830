"""Corpus ``imagenet``: ImageNet-1k where it lies, in the layouts that people have.

Images: ``train/<wnid>/*.JPEG`` and ``val/``, sorted into such folders or flat with a file of labels;
or the same below ``ILSVRC/Data/CLS-LOC``. Boxes: see `imagenet_boxes.annotation_folders`. The listing is
that of torchvision's ``ImageFolder(train)``, followed by ``val``: classes in the order of their wnids,
files in the order of their names as strings.
"""

import csv
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dejavu.corpora.class_names import short_names
from dejavu.corpora.files import HINT, image_files, is_hidden, lines
from dejavu.corpora.imagenet_boxes import annotation_folders, read_annotation
from dejavu.corpora.records import Box, Record
from dejavu.corpora.roots import local_root
from dejavu.errors import DataError, ParamsError, suggestion
from dejavu.params.corpora import ImageNetParams
from dejavu.run import odd_files
from dejavu.run.progress import say

_KAGGLE = Path("ILSVRC/Data/CLS-LOC")
_NAMES = "LOC_synset_mapping.txt"  # one class per line: wnid, space, names
_READERS = 16  # threads that wait for small XML files, mostly for the disk
_TRUTH = Path("data/ILSVRC2012_validation_ground_truth.txt")
_META = Path("data/meta.mat")


class ImageNet:
    """Lists the images of ``train`` and ``val`` with all boxes that anybody drew on them."""

    def __init__(self, settings: ImageNetParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.root: str | None = settings.root
        self.settings = settings
        self.folder = local_root(data_root, settings.root)
        self.images = _images_folder(self.folder)
        self.boxes = [self.folder / place for place in settings.boxes]
        if missing := [place for place in self.boxes if not place.is_dir()]:
            raise DataError(f"{missing[0]}: no such folder of boxes (image.corpus.boxes). {HINT}")
        self.wnids = _wnids(self.images, settings)
        self.label_ids = {wnid: label_id for label_id, wnid in enumerate(self.wnids)}
        self.names = short_names(_words(self.folder), self.wnids)
        self.labels = tuple(self.names[wnid] for wnid in self.wnids)
        self.n_boxed = 0

    def records(self) -> Iterator[Record]:
        """Yield the images of the folders in ``use``, ``train`` first.

        Raises:
            DataError: a folder, or the class of an unsorted image, is missing; or boxes were asked
                for and not one image has any.
        """
        n = 0
        with ThreadPoolExecutor(_READERS) as pool:
            for part in ("train", "val"):
                if part in self.settings.use:
                    for record in self._part(part, pool):
                        n += 1
                        yield record
        if self.boxes and n and not self.n_boxed:
            raise DataError(
                f"{', '.join(map(str, self.boxes))}: not one of {n} images has an XML file there. "
                "Expected <wnid>/<image>.xml, Annotation/<wnid>/<image>.xml or "
                "Annotations/CLS-LOC/train/<wnid>/<image>.xml."
            )
        say(f"imagenet: {n} images of {len(self.wnids)} classes, {self.n_boxed} with boxes")

    def _part(self, part: str, pool: ThreadPoolExecutor) -> Iterator[Record]:
        folder = self.images / part
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder. {HINT}")
        if part == "val" and not any(path.is_dir() for path in folder.iterdir()):
            yield from self._unsorted(folder, pool)
            return
        for wnid in self.wnids:
            files = list(image_files(folder / wnid))
            yield from self._listed(part, wnid, files, [wnid] * len(files), pool)

    def _unsorted(self, folder: Path, pool: ThreadPoolExecutor) -> Iterator[Record]:
        files = list(image_files(folder))
        if self.settings.val_labels is None:
            raise DataError(
                f"{folder}: its images are not sorted into one folder per class. Sort them, or set "
                "image.corpus.val_labels to LOC_val_solution.csv or to the folder of the devkit."
            )
        classes = _val_classes(self.folder / self.settings.val_labels, [f.stem for f in files])
        known = [file for file in files if classes[file.stem] in self.label_ids]
        wnids = [classes[file.stem] for file in known]
        yield from self._listed("val", None, known, wnids, pool)

    def _listed(
        self,
        part: str,
        wnid: str | None,
        files: list[Path],
        wnids: list[str],
        pool: ThreadPoolExecutor,
    ) -> Iterator[Record]:
        places = [place for root in self.boxes for place in annotation_folders(root, part, wnid)]

        def boxes_of(file: Path) -> tuple[tuple[Box, ...], tuple[int, int] | None]:
            for place in places:
                found = read_annotation(place / f"{file.stem}.xml")
                if found is not None:
                    return found
            return (), None

        for file, own, (boxes, stated_px) in zip(
            files, wnids, pool.map(boxes_of, files), strict=True
        ):
            self.n_boxed += bool(boxes)
            yield Record(
                name=file.stem,
                uri=file.relative_to(self.folder).as_posix(),
                label_id=self.label_ids[own],
                boxes=tuple(self._named(box) for box in boxes),
                boxes_px=stated_px,
                boxes_from=f"{file.stem}.xml" if boxes else None,
            )

    def _named(self, box: Box) -> Box:
        return Box(*box.corners, self.names.get(box.label or "", box.label))


def _images_folder(folder: Path) -> Path:
    """Return the folder that holds ``train``."""
    for place in (folder, folder / _KAGGLE, folder / "Data/CLS-LOC"):
        if (place / "train").is_dir():
            return place
    raise DataError(
        f"{folder}: expected train/<wnid>/*.JPEG, or {_KAGGLE}/train/<wnid>/*.JPEG. {HINT}"
    )


def _wnids(images: Path, settings: ImageNetParams) -> tuple[str, ...]:
    known = sorted(
        path.name
        for path in (images / "train").iterdir()
        if path.is_dir() and not is_hidden(path.name)
    )
    if not known:
        raise DataError(f"{images / 'train'}: expected one folder per class, found none.")
    chosen = known if settings.wnids is None else sorted(settings.wnids)
    for wnid in chosen:
        if wnid not in known:
            raise ParamsError(
                f"image.corpus.wnids: {images / 'train'} has no {wnid!r}.{suggestion(wnid, known)}"
            )
    return tuple(chosen)


def _words(folder: Path) -> dict[str, str]:
    path = folder / _NAMES
    if not path.is_file():
        return {}
    pairs = (line.strip().partition(" ") for line in lines(path))
    return {wnid: words for wnid, _, words in pairs if words}


def _val_classes(path: Path, stems: list[str]) -> Mapping[str, str]:
    """Return the wnid of each unsorted image, by its name without extension."""
    if path.is_dir():
        classes = _devkit_classes(path, stems)
    else:
        try:
            classes = {
                row[0].rpartition(".")[0] or row[0]: row[1].split()[0]
                for row in csv.reader(lines(path))
                if row[1:] and row[1].split()
            }
        except csv.Error as error:
            raise DataError(f"{path}: not a table of names and classes: {error}.") from None
    if missing := [stem for stem in stems if stem not in classes]:
        raise DataError(
            f"{path}: says nothing of {len(missing)} of {len(stems)} images, the first "
            f"{missing[0]!r}. Expected lines like ILSVRC2012_val_00000001,n01751748 1 2 3 4."
        )
    return classes


def _devkit_classes(folder: Path, stems: list[str]) -> dict[str, str]:
    """Read the devkit of 2012: class numbers in the order of the images, wnids in a MATLAB file."""
    from scipy.io import loadmat

    try:
        numbers = [int(line) for line in lines(folder / _TRUTH) if line.strip()]
    except ValueError as error:
        raise DataError(f"{folder / _TRUTH}: expected one class number per line: {error}") from None
    if len(numbers) != len(stems):
        raise DataError(
            f"{folder / _TRUTH}: has {len(numbers)} lines, expected one per image of val/, which "
            f"are {len(stems)}. Without all images, use LOC_val_solution.csv."
        )
    odd_files.require_file(folder / _META, named_by="image.corpus.val_labels")
    try:
        synsets = loadmat(str(folder / _META), squeeze_me=True)["synsets"]
        ids, wnids = synsets["ILSVRC2012_ID"].tolist(), synsets["WNID"].tolist()
        wnid_of = dict(zip(ids, wnids, strict=True))
        return {stem: wnid_of[number] for stem, number in zip(sorted(stems), numbers, strict=True)}
    except Exception as error:  # noqa: BLE001  # what a parser of MATLAB's format raises has no list
        raise DataError(f"{folder / _META}: not the devkit's list of classes: {error}") from None
