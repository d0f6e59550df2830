"""Corpus ``image_folder``: one folder of images per class, boxes optional."""

from collections.abc import Iterator
from pathlib import Path

from dejavu.corpora.box_files import read_boxes
from dejavu.corpora.files import HINT, image_files
from dejavu.corpora.image_reader import external_root
from dejavu.corpora.records import Record
from dejavu.errors import DataError
from dejavu.params.corpora import ImageFolderParams
from dejavu.run.progress import say


class ImageFolder:
    """Lists the images below each class folder; the folder's name is the label.

    With ``use: [train, heldout]`` the class folders lie in those two; equal names are one label, and
    ``split.roles_from`` can give each of the two a role.
    """

    def __init__(self, settings: ImageFolderParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.root: str | None = settings.root
        self.folder = external_root(data_root, settings.root)
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: no such folder. {HINT}")
        self.parts = [self.folder / name for name in settings.use or ["."]]
        classes = [_class_folders(part) for part in self.parts]
        self.labels = tuple(sorted({path.name for found in classes for path in found}))
        self.box_file = self.folder / settings.boxes if settings.boxes else None

    def records(self) -> Iterator[Record]:
        """Yield the images part by part, in the order of class and file names."""
        boxes = read_boxes(self.box_file) if self.box_file else {}
        ids = {label: label_id for label_id, label in enumerate(self.labels)}
        n_boxed = 0
        for folder in (folder for part in self.parts for folder in _class_folders(part)):
            for file in image_files(folder):
                path = file.relative_to(self.folder).as_posix()
                n_boxed += path in boxes
                yield Record(
                    name=path, uri=path, label_id=ids[folder.name], boxes=boxes.get(path, ())
                )
        if n_boxed == 0 and boxes:
            raise DataError(
                f"{self.box_file}: its first path is {next(iter(boxes))!r}, and none of its "
                f"{len(boxes)} is an image. Expected paths relative to {self.folder}."
            )
        if n_boxed < len(boxes):
            say(f"{self.box_file}: {len(boxes) - n_boxed} of {len(boxes)} paths are no image")


def _class_folders(part: Path) -> list[Path]:
    if not part.is_dir():
        raise DataError(f"{part}: no such folder. Name the folders that exist in corpus.use.")
    found = sorted(path for path in part.iterdir() if path.is_dir())
    if not found:
        raise DataError(f"{part}: expected one folder of images per class, found none.")
    return found
