"""Corpus ``image_folder``: one folder of images per class, or labels that stand beside the boxes."""

import functools
from collections.abc import Iterator, Sequence

from dejavu.corpora.box_files import BoxFile, read_boxes
from dejavu.corpora.files import HINT, image_files, is_hidden, remote_images
from dejavu.corpora.records import Box, Record
from dejavu.corpora.roots import external_root
from dejavu.errors import DataError
from dejavu.files.remote import AnyPath, RemotePath, local_copy
from dejavu.params.corpora import ImageFolderParams
from dejavu.run.progress import say


class ImageFolder:
    """Lists the images below each class folder; the folder's name is the label.

    With ``use: [train, heldout]`` the class folders lie in those two; equal names are one label, and
    ``split.roles_from`` can give each of the two a role.

    With ``labels: boxes`` folders mean nothing, and the label of an image is that of its first box that
    has one: `dejavu detect-boxes` writes what it is surest of first.
    """

    def __init__(self, settings: ImageFolderParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.root: str | None = settings.root
        self.folder = external_root(data_root, settings.root)
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: no such folder. {HINT}")
        self.parts: list[AnyPath] = [self.folder / name for name in settings.use or ["."]]
        self.box_file = self.folder / settings.boxes if settings.boxes else None
        self.has_classes = settings.labels == "folders"
        if self.has_classes:
            for part in self.parts:
                _class_folders(part)

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of all labels, in order."""
        if self.has_classes:
            found = {path.name for part in self.parts for path in _class_folders(part)}
        else:
            found = {name for boxes in self._listed.boxes.values() if (name := _named(boxes))}
            if not found:
                raise DataError(
                    f"{self.box_file}: no box has a label, and corpus.labels is boxes. Name what is in them, "
                    "or let `dejavu detect-boxes` look."
                )
        return tuple(sorted(found))

    @functools.cached_property
    def _listed(self) -> BoxFile:
        if self.box_file is None:
            return BoxFile(boxes={}, sizes={})
        with local_copy(self.box_file) as here:
            return read_boxes(here)

    def images(self) -> Iterator[tuple[str, str | None]]:
        """Yield path and class of each image, part by part; no class where labels stand beside boxes."""
        for part in self.parts:
            for folder in _class_folders(part) if self.has_classes else [part]:
                for uri in self._uris(folder):
                    yield uri, folder.name if self.has_classes else None

    def _uris(self, folder: AnyPath) -> Iterator[str]:
        if isinstance(folder, RemotePath):
            yield from (path.url.removeprefix(f"{self.folder}/") for path in remote_images(folder))
        else:
            yield from (
                str(path.relative_to(str(self.folder)).as_posix()) for path in image_files(folder)
            )

    def boxes_of(self, uri: str) -> tuple[Box, ...]:
        """Return the boxes that the file lists for an image."""
        return self._listed.boxes.get(self._listed.path_of(uri), ())

    def records(self) -> Iterator[Record]:
        """Yield the images part by part, in the order of class and file names."""
        listed = self._listed
        ids = {label: label_id for label_id, label in enumerate(self.labels)}
        n_boxed = 0
        for uri, label in self.images():
            path = listed.path_of(uri)
            n_boxed += path in listed.boxes
            boxes = listed.boxes.get(path, ())
            name = label if self.has_classes else _named(boxes)
            yield Record(
                name=uri, uri=uri, label_id=None if name is None else ids[name], boxes=boxes,
                boxes_px=listed.sizes.get(path),
                boxes_from=self.box_file.name if self.box_file else None,
                problem="no_label" if name is None else None,
            )  # fmt: skip
        if n_boxed == 0 and listed.boxes:
            raise DataError(
                f"{self.box_file}: its first path is {next(iter(listed.boxes))!r}, and none of its "
                f"{len(listed.boxes)} is an image. Expected paths relative to {self.folder}."
            )
        if n_boxed < len(listed.boxes):
            n = len(listed.boxes)
            say(f"{self.box_file}: {n - n_boxed} of {n} paths are no image")


def _named(boxes: Sequence[Box]) -> str | None:
    return next((box.label for box in boxes if box.label), None)


def _class_folders(part: AnyPath) -> Sequence[AnyPath]:
    if not part.is_dir():
        raise DataError(f"{part}: no such folder. Name the folders that exist in corpus.use.")
    below = part.folders() if isinstance(part, RemotePath) else sorted(part.iterdir())
    found = [path for path in below if not is_hidden(path.name) and path.is_dir()]
    if not found:
        raise DataError(f"{part}: expected one folder of images per class, found none.")
    return found
