"""Files that a reader would never finish, or that stand for others, told before they are opened."""

import os
import shlex
import stat
from pathlib import Path

from dejavu.errors import DataError

_LARGE = 1_000_000_000  # bytes from which holes are looked for
_START = 64  # bytes that tell what a file is
_LFS = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html")
_SHOWN_BY_THE_SYSTEM = ("/proc/", "/sys/")  # say that they are empty, and some never end


def require_file(path: Path, *, named_by: str) -> None:
    """Refuse what is not a regular file that can be read: a pipe, a device or a hole would never end.

    Raises:
        DataError: it is missing, something else than a file, mostly holes, or stands for another file.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {named_by} names it.{pulled_by(path)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be opened: {error}; {named_by} names it.") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise DataError(f"{path}: is {kind}, expected a file; {named_by} names it.")
    if status.st_size == 0 and is_of_the_system(path):
        raise DataError(
            f"{path}: leads to a file of the system, and to no data; {named_by} names it."
        )
    if is_hollow(status):
        raise DataError(
            f"{path}: says that it has {status.st_size:,} bytes, and next to none of them are on the disk; "
            f"{named_by} names it. If that is meant, copy it with `cp --sparse=never`."
        )
    if problem := stand_in(path):
        raise DataError(f"{path}: {problem} {named_by} names it.")


def stand_in(path: Path) -> str | None:
    """Say what a file is that lies in the place of another, and how to get that one; None for any other.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(_START).lstrip().lower()
    if start.startswith(_LFS):
        return "is a pointer of Git LFS, three lines in the place of the file: `git lfs pull` brings it."
    if start.startswith(_PAGES):
        return "is a web page, as servers send it before or in the place of a file: download the file itself."
    return None


def pulled_by(path: Path) -> str:
    """Return how DVC brings a missing file, with a blank in front; nothing if it does not know it."""
    pointer = path.with_name(f"{path.name}.dvc")
    return f" `dvc pull {shlex.quote(str(pointer))}` brings it." if pointer.is_file() else ""


def is_hollow(status: os.stat_result) -> bool:
    """Return whether a file is all but holes: a few bytes on the disk that would be read for hours."""
    return status.st_size > _LARGE and status.st_blocks * 512 < status.st_size // 1000


def is_of_the_system(path: Path | str) -> bool:
    """Return whether a file or folder, wherever links lead, is none of a disk but the system's own."""
    return f"{os.path.realpath(path)}/".startswith(_SHOWN_BY_THE_SYSTEM)
