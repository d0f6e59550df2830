"""Files of an object store, ``s3://bucket/folder`` or ``gs://bucket/folder``, through fsspec.

`RemotePath` has what is used of `pathlib.Path` where corpora are listed and read. Credentials and endpoints
are the business of fsspec's libraries: their variables and files (``AWS_PROFILE``, ``AWS_ENDPOINT_URL``, …).
"""

import contextlib
import dataclasses
import re
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dejavu.errors import DataError, ParamsError

LIBRARIES = {"s3": "s3fs", "gs": "gcsfs"}  # by scheme; the extra of that scheme brings it
_TAGS = ("ETag", "etag", "md5Hash")  # what stores call that which changes with a file's contents
_COPIES = 4  # files kept on this machine at once


def is_remote(path: str) -> bool:
    """Tell whether a text names a place of an object store, or of any other service.

    >>> is_remote("s3://bucket/photos"), is_remote("/data/photos")
    (True, False)
    """
    return "://" in path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file below a folder."""

    name: str  # relative to the folder
    n_bytes: int
    tag: str  # changes with its contents; empty where the store has none


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is used of `os.stat_result`."""

    st_size: int
    st_mode: int


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class RemotePath:
    """A file or folder of an object store."""

    url: str

    @classmethod
    def of(cls, url: str) -> "RemotePath":
        """Return the place that a text of params.yaml names.

        Raises:
            ParamsError: the service is none of those that can be read, or no bucket is named.
        """
        scheme, _, place = url.partition("://")
        if scheme not in LIBRARIES or not place.strip("/") or "::" in url:
            known = " or ".join(f"{each}://bucket/folder" for each in LIBRARIES)
            raise ParamsError(f"{url}: cannot be read, expected {known}.")
        found = cls(f"{scheme}://{place.strip('/')}")
        if not found.is_inside():
            raise ParamsError(f"{url}: holds '.', '..' or nothing between slashes. Write it out.")
        return found

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: str) -> "RemotePath":
        return self if below in ("", ".") else RemotePath(f"{self.url}/{below}")

    def __fspath__(self) -> str:
        raise ParamsError(
            f"{self.url}: is not read from an object store; images, shards and boxes of image_folder and "
            "webdataset are, and weights and tables that params.yaml names. Copy this to a folder of this "
            "machine, and name it there."
        )

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """What follows the name's last dot, with it."""
        return PurePosixPath(self.name).suffix

    def with_suffix(self, suffix: str) -> "RemotePath":
        """Return the file beside this one that ends differently."""
        return RemotePath(self.url.removesuffix(self.suffix) + suffix)

    def is_inside(self) -> bool:
        """Tell whether no part leads upwards; stores take ``..`` for a name, what is between may not."""
        return not {"", ".", ".."} & set(self._key.split("/"))

    def stat(self) -> Status:
        """Return size and kind; raises FileNotFoundError where nothing is."""
        with self._store() as (files, key):
            facts = files.info(key)
        kind = stat.S_IFDIR if facts["type"] == "directory" else stat.S_IFREG
        return Status(st_size=int(facts["size"] or 0), st_mode=kind | 0o444)

    def exists(self) -> bool:
        """Tell whether a file or a folder is there."""
        with self._store() as (files, key):
            return bool(files.exists(key))

    def is_file(self) -> bool:
        """Tell whether a file is there."""
        with self._store() as (files, key):
            return bool(files.isfile(key))

    def is_dir(self) -> bool:
        """Tell whether any file lies below."""
        with self._store() as (files, key):
            return bool(files.isdir(key))

    def listed(self) -> Listed:
        """Return the name, size and tag of the file; raises FileNotFoundError where none is."""
        with self._store() as (files, key):
            files.invalidate_cache()
            return _listed(self.name, files.info(key))

    def read_bytes(self) -> bytes:
        """Return the contents."""
        with self._store() as (files, key):
            return bytes(files.cat_file(key))

    def start(self, n_bytes: int) -> bytes:
        """Return the first bytes."""
        with self._store() as (files, key):
            return bytes(files.cat_file(key, start=0, end=n_bytes))

    def copy_to(self, path: Path) -> None:
        """Copy the file to this machine."""
        with self._store() as (files, key):
            files.get_file(key, str(path))

    def folders(self) -> list["RemotePath"]:
        """Return the folders right below, by name."""
        with self._store() as (files, key):
            found = files.ls(key, detail=True)
        names = (
            each["name"].rstrip("/").rpartition("/")[2]
            for each in found
            if each["type"] == "directory"
        )
        return [self / name for name in sorted(names)]

    def files(self) -> list[Listed]:
        """Return every file below, by name; keys that are no paths (``a//b``, ``../a``) are none."""
        with self._store() as (files, key):
            files.invalidate_cache()  # what was listed before may have changed
            found = files.find(key, detail=True)
        listed = []
        for path, facts in found.items():
            name = path.removeprefix(f"{key}/")
            if name != path and facts["type"] == "file" and (self / name).is_inside():
                listed.append(_listed(name, facts))
        return sorted(listed, key=lambda each: each.name)

    def glob(self, pattern: str) -> list["RemotePath"]:
        """Return the files below whose names fit a pattern, as `pathlib.Path.glob` does."""
        from fsspec.utils import glob_translate

        fits = re.compile(glob_translate(pattern))
        return [self / each.name for each in self.files() if fits.match(each.name)]

    @property
    def _key(self) -> str:
        return self.url.partition("://")[2]

    @contextlib.contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """Yield the store and the key in it; what goes wrong inside is an OSError, whoever raises it."""
        if not self.is_inside():
            raise PermissionError(f"{self.url}: leads out of its folder")
        files = _opened(self.url.partition("://")[0])
        try:
            yield files, self._key
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # each library has its own
            reason = next(iter(str(error).splitlines()), "")
            raise OSError(f"{type(error).__name__}: {reason}") from None


AnyPath = Path | RemotePath


def _listed(name: str, facts: Mapping[str, Any]) -> Listed:
    tag = next((str(facts[each]) for each in _TAGS if facts.get(each)), "")
    return Listed(name=name, n_bytes=int(facts["size"]), tag=tag)


class Copies:
    """Whole files of stores, the last few of them copied to this machine until it is closed."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dejavu-")
        self._kept: dict[RemotePath, Path] = {}
        self._n_copied = 0
        self._lock = threading.Lock()

    def local(self, path: AnyPath) -> Path:
        """Return a file of this machine with the same contents: itself, or a copy that may go later.

        Raises:
            OSError: it is not there, or cannot be copied.
        """
        if isinstance(path, Path):
            return path
        with self._lock:
            if path not in self._kept:
                self._n_copied += 1
                copy = Path(self._folder.name) / f"{self._n_copied}-{path.name}"
                path.copy_to(copy)
                self._kept[path] = copy
                for oldest in list(self._kept)[:-_COPIES]:
                    self._kept.pop(oldest).unlink()
            return self._kept[path]

    def close(self) -> None:
        """Remove all copies."""
        self._kept.clear()
        self._folder.cleanup()


@contextlib.contextmanager
def local_copy(path: AnyPath) -> Iterator[Path]:
    """Yield a file of this machine with the same contents, whose messages name `path`.

    Raises:
        DataError: it cannot be copied.
    """
    if isinstance(path, Path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dejavu-") as folder:
        copy = Path(folder) / path.name
        try:
            path.copy_to(copy)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
        try:
            yield copy
        except DataError as error:
            raise DataError(str(error).replace(str(copy), path.url)) from None


def _opened(scheme: str) -> Any:
    """Return fsspec's file system for a scheme."""
    try:
        import fsspec

        return fsspec.filesystem(scheme)
    except ImportError:
        raise ParamsError(
            f"{scheme}:// needs {LIBRARIES[scheme]}: pip install 'dejavu-audit[{scheme}]'."
        ) from None
