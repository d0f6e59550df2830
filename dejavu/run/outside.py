"""Files and folders that params.yaml names outside the graph: where they are, or a copy of those in a store.

Every reader of weights and tables opens files of this machine, with all its checks. What lies in an object
store is therefore copied first, whole, into the project's folder, where workers of a cluster see it too.
"""

import contextlib
import functools
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dejavu.errors import DataError, ParamsError
from dejavu.files.remote import Listed, RemotePath, is_remote
from dejavu.run.progress import say

COPIES = Path(".work") / "outside"
_BESIDE = (".onnx",)  # files whose tensors may lie beside them, under names that begin with theirs
_SPARE = 2**28  # bytes of the disk that are left to others
_SAID = 10**8  # bytes from which a copy takes long enough to be told of


def located(data_folder: Path, name: str) -> Path:
    """Return where a file or folder lies that an entry of params.yaml names.

    Args:
        data_folder: what names are relative to.
        name: a path, or a place of an object store, ``s3://bucket/weights.pth``. Of that, a copy is made
            once, and again when the store says that it changed (name, size, ETag).

    Returns:
        The place, whether or not anything is there; of a store, a copy whose path ends in the same name.

    Raises:
        ParamsError: the service is none that can be read, or its library is not installed.
        DataError: nothing is at that place of the store, the store refuses, or the disk has no room.
    """
    if not is_remote(name):
        return data_folder / name
    return _copied(RemotePath.of(name), Path.cwd()).relative_to(Path.cwd())


def exists(data_folder: Path, name: str) -> bool:
    """Return whether something is seen at a path, or a place of a store, without copying it."""
    if not is_remote(name):
        return (data_folder / name).exists()
    with contextlib.suppress(DataError, ParamsError):
        return bool(_listed(RemotePath.of(name)))
    return False


@functools.cache  # one contents per process, and one question to the store
def _copied(place: RemotePath, project: Path) -> Path:
    files = _listed(place)
    if not files:
        raise DataError(f"{place}: nothing is there. Its name stands in params.yaml.")
    facts = "".join(f"{each.name}\0{each.n_bytes}\0{each.tag}\n" for each in files)
    digest = hashlib.sha256(f"{place}\n{facts}".encode()).hexdigest()[:16]
    below = place.url.replace("://", "/")
    root = project / COPIES
    made = root / digest / below
    if not made.exists():
        scratch = root / f"{digest}.{os.uname().nodename}-{os.getpid()}.part"
        _copy(place, files, scratch / below)
        for other in root.iterdir():  # of contents that the store no longer has
            if other.suffix != ".part" and (other / below).exists():
                shutil.rmtree(other, ignore_errors=True)
        try:
            scratch.rename(root / digest)
        except OSError:  # another process was faster
            shutil.rmtree(scratch)
    return made


def _copy(place: RemotePath, files: Sequence[Listed], to: Path) -> None:
    """Copy files of a store to where `to` is the place itself."""
    n_bytes = sum(each.n_bytes for each in files)
    to.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(to.parent).free
    if n_bytes + _SPARE > free:
        raise DataError(
            f"{place}: has {n_bytes / 1e9:.1f} GB, and {COPIES}, where its copy would lie, has room for "
            f"{max(0, free - _SPARE) / 1e9:.1f} GB. Make room, or name a folder of a larger disk."
        )
    if n_bytes > _SAID:
        say(f"copies {n_bytes / 1e9:.1f} GB of {place} to {COPIES}")
    folder, above = _folder(place)
    try:
        for each in files:
            copy = (to.parent if above else to) / each.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            (folder / each.name).copy_to(copy)
            if copy.stat().st_size != each.n_bytes:
                raise OSError(
                    f"{each.name} came with {copy.stat().st_size} bytes of {each.n_bytes}"
                )
    except OSError as error:
        shutil.rmtree(to, ignore_errors=True)
        raise DataError(f"{place}: cannot be copied: {error.strerror or error}") from None


def _listed(place: RemotePath) -> list[Listed]:
    """Return the file itself with those that belong to it, or the files below a folder."""
    try:
        folder, is_file = _folder(place)
        if not is_file:
            return folder.files()
        if place.suffix not in _BESIDE:
            return [place.listed()]
        return [
            each for each in folder.files()
            if each.name.startswith(place.name) and "/" not in each.name
        ]  # fmt: skip
    except OSError as error:
        raise DataError(
            f"{place}: cannot be read: {error.strerror or error}. Its name stands in params.yaml; "
            "credentials are those of the library that opens it (AWS_PROFILE, "
            "GOOGLE_APPLICATION_CREDENTIALS, …)."
        ) from None


def _folder(place: RemotePath) -> tuple[RemotePath, bool]:
    """Return the folder that names are relative to, and whether `place` is a file in it."""
    if place.is_file():
        return RemotePath(place.url.rpartition("/")[0]), True
    return place, False
