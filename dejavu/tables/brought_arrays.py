"""Read ``.npy`` files that people bring: numbers on the disk, mapped, and nothing unpickled."""

import tokenize
from pathlib import Path

import numpy as np

from dejavu.errors import DataError
from dejavu.run import odd_files

# All that NumPy's reader of headers was seen to raise; what it advises (allow_pickle) is never passed on.
_OF_READERS = (
    ValueError, EOFError, OSError, SyntaxError, OverflowError, TypeError, MemoryError, RecursionError,
    tokenize.TokenError,
)  # fmt: skip


def open_array(path: Path, *, named_by: str) -> np.ndarray:
    """Return the array of a ``.npy`` file; its rows are read from the disk when they are used.

    Args:
        path: the file.
        named_by: the key of params.yaml that names it, for messages.

    Raises:
        DataError: it is missing, no regular file, holds objects, or says it is larger than it is.
    """
    odd_files.require_file(path, named_by=named_by)
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except _OF_READERS:
        raise DataError(
            f"{path}: not a .npy file of plain numbers ({named_by} names it). Save it anew with numpy.save."
        ) from None
