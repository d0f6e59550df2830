"""List the files of a corpus in an order that does not depend on the file system."""

import os
from collections.abc import Iterator
from pathlib import Path

from dejavu.errors import DataError

EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def image_files(folder: Path) -> Iterator[Path]:
    """Yield the images below `folder`, at any depth, by extension (any case), sorted as strings.

    Raises:
        DataError: `folder` is not there.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. {HINT}")
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(EXTENSIONS):
                yield Path(parent, name)


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file; raises DataError if it is not there."""
    try:
        with path.open(encoding="utf-8") as stream:
            yield from stream
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. {HINT}") from None


HINT = (
    "Corpus roots are relative to machine.data_root in params.yaml, or to the variable "
    "DEJAVU_DATA_ROOT."
)
