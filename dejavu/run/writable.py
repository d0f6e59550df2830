"""Whether a run can write where it will, asked before it starts: what DVC says later names no way out."""

import contextlib
import tempfile
from pathlib import Path

# What a run writes in a project, itself aside; where one is missing, the folder above has to take it
_FOLDERS = (
    ".dvc",
    ".dvc/tmp",
    ".dvc/cache",
    ".dvc/cache/files/md5",
    ".work",
    "data",
    "logs",
    "reports",
)
_FILES = ("dvc.lock", ".dvc/tmp/lock", ".dvc/tmp/rwlock")  # rewritten in place


def require(project: Path) -> None:
    """Try to write in a project of DVC, in every folder that a run writes to; nothing of it stays.

    Raises:
        OSError: a folder or a file cannot be written; it names the first.
    """
    project = project.absolute()
    for folder in (project, *(project / name for name in _FOLDERS)):
        if folder.is_dir():
            _require_folder(folder)
    _require_folder(
        _notes(), " (DVC keeps notes there; the variable DVC_SITE_CACHE_DIR names another folder)"
    )
    for file in (project / name for name in _FILES):
        if file.is_file():
            file.open("r+b").close()


def _require_folder(folder: Path, use: str = "") -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}{use}", str(folder)) from None


def _notes() -> Path:
    """Return where DVC notes what it knows of projects, or the folder above that it would be made in."""
    from dvc.dirs import site_cache_dir

    place = Path(site_cache_dir()).absolute()
    with contextlib.suppress(OSError):
        return next(each for each in (place, *place.parents) if each.is_dir())
    return place
