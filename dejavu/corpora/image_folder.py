"""Corpus ``image_folder``: one folder of images per class, boxes optional."""

from collections.abc import Iterator
from pathlib import Path

from dejavu.corpora.box_files import BoxFile, read_boxes
from dejavu.corpora.files import HINT, image_files, is_hidden
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
        listed = read_boxes(self.box_file) if self.box_file else BoxFile(boxes={}, sizes={})
        ids = {label: label_id for label_id, label in enumerate(self.labels)}
        n_boxed = 0
        for folder in (folder for part in self.parts for folder in _class_folders(part)):
            for file in image_files(folder):
                uri = file.relative_to(self.folder).as_posix()
                path = listed.path_of(uri)
                n_boxed += path in listed.boxes
                yield Record(
                    name=uri, uri=uri, label_id=ids[folder.name], boxes=listed.boxes.get(path, ()),
                    boxes_px=listed.sizes.get(path),
                    boxes_from=self.box_file.name if self.box_file else None,
                )  # fmt: skip
        if n_boxed == 0 and listed.boxes:
            raise DataError(
                f"{self.box_file}: its first path is {next(iter(listed.boxes))!r}, and none of its "
                f"{len(listed.boxes)} is an image. Expected paths relative to {self.folder}."
            )
        if n_boxed < len(listed.boxes):
            n = len(listed.boxes)
            say(f"{self.box_file}: {n - n_boxed} of {n} paths are no image")


def _class_folders(part: Path) -> list[Path]:
    if not part.is_dir():
        raise DataError(f"{part}: no such folder. Name the folders that exist in corpus.use.")
    found = sorted(path for path in part.iterdir() if path.is_dir() and not is_hidden(path.name))
    if not found:
        raise DataError(f"{part}: expected one folder of images per class, found none.")
    return found
