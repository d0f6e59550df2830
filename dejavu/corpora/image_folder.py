"""Corpus ``image_folder``: one folder of pictures per class, boxes optional."""

from collections.abc import Iterator

from dejavu.corpora.box_files import read_boxes
from dejavu.corpora.files import HINT, picture_files
from dejavu.corpora.records import Record
from dejavu.errors import DataError
from dejavu.params.corpora import ImageFolderParams
from dejavu.pictures import external_root
from dejavu.progress import say


class ImageFolder:
    """Lists the pictures below each class folder; the folder's name is the label."""

    def __init__(self, settings: ImageFolderParams, seed: int, data_root: str) -> None:  # noqa: ARG002
        self.root: str | None = settings.root
        self.folder = external_root(data_root, settings.root)
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: no such folder. {HINT}")
        self.labels = tuple(sorted(path.name for path in self.folder.iterdir() if path.is_dir()))
        if not self.labels:
            raise DataError(
                f"{self.folder}: expected one folder of pictures per class, found none."
            )
        self.box_file = self.folder / settings.boxes if settings.boxes else None

    def records(self) -> Iterator[Record]:
        """Yield the pictures in the order of class and file names."""
        boxes = read_boxes(self.box_file) if self.box_file else {}
        n_boxed = 0
        for label_id, label in enumerate(self.labels):
            for file in picture_files(self.folder / label):
                path = file.relative_to(self.folder).as_posix()
                found = boxes.get(path, ())
                n_boxed += path in boxes
                yield Record(name=path, uri=path, label_id=label_id, boxes=found)
        if n_boxed == 0 and boxes:
            raise DataError(
                f"{self.box_file}: its first path is {next(iter(boxes))!r}, and none of its "
                f"{len(boxes)} is a picture. Expected paths relative to {self.folder}."
            )
        if n_boxed < len(boxes):
            say(f"{self.box_file}: {len(boxes) - n_boxed} of {len(boxes)} paths are no picture")
