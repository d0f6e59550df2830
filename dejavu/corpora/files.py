"""List the files of a corpus in an order that does not depend on the file system."""

import collections
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dejavu.errors import DataError
from dejavu.files.remote import AnyPath, Listed, RemotePath
from dejavu.run import odd_files
from dejavu.run.progress import say

EXTENSIONS = (
    ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif",
    ".tiff", ".webp",
)  # fmt: skip
# Files that other programs leave beside images; a name that starts with a dot is one, too.
_LEFTOVERS = {"@eadir", "__macosx", "desktop.ini", "thumbs.db", "$recycle.bin", "lost+found"}
_MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P4", b"P5", b"P6",
)  # fmt: skip
MAX_TEXT_BYTES = 1 << 28  # of a list of names, classes or boxes: those of ImageNet-21k are a tenth
_BRANDS = {b"WEBP", b"avif", b"avis"}  # bytes 8 to 12 of RIFF and ISO media files


def image_files(folder: Path) -> Iterator[Path]:
    """Yield the images below `folder`, at any depth, in the order of names as strings, folder by folder.

    An image is a file whose extension says so (any case), or that starts as images do whatever it is
    called. Hidden files and what systems leave behind are no images; other files are counted and named.
    Links are followed, but into no folder a second time.

    Raises:
        DataError: `folder` is not there, or its name cannot be written as text.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. {HINT}")
    start = os.path.realpath(folder)
    seen = {os.path.realpath(parent) for parent in Path(start).parents}
    others: collections.Counter[str] = collections.Counter()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link that leads back: its images are listed already
            folders.clear()
            say(f"{parent}: leads to {real}, which is listed already; skipped")
            continue
        if odd_files.is_of_the_system(real):
            folders.clear()
            say(f"{parent}: leads to {real}, which the system makes up; skipped")
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(names):
            if is_hidden(name):
                continue
            path = Path(parent, name)
            if not name.lower().endswith(EXTENSIONS) and not _starts_as_an_image(path):
                others[path.suffix.lower() or "no extension"] += 1
                continue
            try:
                name.encode()
            except UnicodeEncodeError:
                raise DataError(
                    f"{os.fsencode(path)!r}: its name is no UTF-8, and tables hold text. Rename it."
                ) from None
            yield path
    _tell_others(folder, others)


def remote_images(folder: RemotePath) -> Iterator[RemotePath]:
    """Yield the images below a folder of an object store, as `image_files` does: files before folders."""
    others: collections.Counter[str] = collections.Counter()
    listed = [each for each in folder.files() if not any(map(is_hidden, each.name.split("/")))]
    if not listed and not folder.is_dir():
        raise DataError(f"{folder}: no such folder. {HINT}")

    def place(each: Listed) -> list[tuple[bool, str]]:
        *folders, name = each.name.split("/")
        return [*((True, part) for part in folders), (False, name)]

    for each in sorted(listed, key=place):
        path = folder / each.name
        if not each.name.lower().endswith(EXTENSIONS) and not (
            each.n_bytes and _is_image_start(path.start(12))
        ):
            others[path.suffix.lower() or "no extension"] += 1
            continue
        yield path
    _tell_others(folder, others)


def _tell_others(folder: AnyPath, others: collections.Counter[str]) -> None:
    if others:
        listed = ", ".join(f"{n} {kind}" for kind, n in sorted(others.items()))
        say(f"{folder}: {others.total()} files are no images: {listed}")


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is none of the user's data, judged by its name."""
    return name.startswith(".") or name.lower() in _LEFTOVERS


def _starts_as_an_image(path: Path) -> bool:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:  # a pipe would wait for ever
            return False
        with path.open("rb") as stream:
            start = stream.read(12)
    except OSError:
        return False
    return _is_image_start(start)


def _is_image_start(start: bytes) -> bool:
    return start.startswith(_MAGIC) or start[8:12] in _BRANDS


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file; raises DataError if it is not there, too large, or not UTF-8."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            raise DataError(f"{path}: is no regular file, expected a text file.")
        if status.st_size > MAX_TEXT_BYTES:  # one without an end of line would be read as a whole
            raise DataError(
                f"{path}: has {status.st_size:,} bytes, expected a list of at most {MAX_TEXT_BYTES:,}."
            )
        with path.open(encoding="utf-8-sig") as stream:
            yield from stream
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. {HINT}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: not a readable UTF-8 text file: {error}") from None


HINT = (
    "Corpus roots are relative to machine.data_root in params.yaml, or to the variable "
    "DEJAVU_DATA_ROOT."
)
