"""Files that a reader would never finish, told before they are opened."""

import os
import stat
from pathlib import Path

from dejavu.errors import DataError

_LARGE = 1_000_000_000  # bytes from which holes are looked for
_SHOWN_BY_THE_SYSTEM = ("/proc/", "/sys/")  # say that they are empty, and some never end


def require_file(path: Path, *, named_by: str) -> None:
    """Refuse what is not a regular file that can be read: a pipe, a device or a hole would never end.

    Raises:
        DataError: it is missing, something else than a file, or mostly holes.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {named_by} names it.") from None
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


def is_hollow(status: os.stat_result) -> bool:
    """Return whether a file is all but holes: a few bytes on the disk that would be read for hours."""
    return status.st_size > _LARGE and status.st_blocks * 512 < status.st_size // 1000


def is_of_the_system(path: Path | str) -> bool:
    """Return whether a file or folder, wherever links lead, is none of a disk but the system's own."""
    return f"{os.path.realpath(path)}/".startswith(_SHOWN_BY_THE_SYSTEM)
