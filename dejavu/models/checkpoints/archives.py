"""Zip files of tensors, as torch writes them: whole, unpacked, and no larger inside than outside."""

import functools
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dejavu.errors import WeightsError
from dejavu.run.progress import say

_STEP = 1 << 22  # bytes read at once
_DAMAGED = "Copy or download it anew, and compare its SHA-256 with the published one."


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive of tensors after checking its sizes; nothing of its members was read.

    An archive without any checksum, as torch writes it if asked to, is opened too, and a line on stderr
    says that its bytes cannot be checked; where one member has a checksum, all are held to theirs.

    Raises:
        WeightsError: it is damaged, packed, or its members overlap.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path)
            if _is_unchecked(archive):
                _say_unchecked(path)
                for member in archive.infolist():
                    member.CRC = None  # type: ignore[assignment]  # how zipfile is told to compare none
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise WeightsError(f"{path}: not a whole zip file ({_brief(error)}). {_DAMAGED}") from None


def check(archive: zipfile.ZipFile, path: Path) -> None:
    """Read every member once and compare it with its checksum.

    torch takes the bytes as they are: with one bit flipped a network loads, and gives other vectors.

    Raises:
        WeightsError: a member is not what was written.
    """
    for member in archive.infolist():
        try:
            with archive.open(member) as stream:
                while stream.read(_STEP):
                    pass
        except zipfile.BadZipFile:
            raise WeightsError(
                f"{path}: the checksum of {member.filename!r} is not that of its bytes: the file was damaged "
                f"after it was written. {_DAMAGED}"
            ) from None


def _is_unchecked(archive: zipfile.ZipFile) -> bool:
    """Return whether no member has a checksum; torch.serialization.set_crc32_options(False) writes none."""
    members = archive.infolist()
    return any(member.file_size for member in members) and not any(member.CRC for member in members)


@functools.cache  # a file is opened more than once
def _say_unchecked(path: Path) -> None:
    say(
        f"{path}: torch wrote it without checksums, so whether it is whole cannot be seen "
        "here. Compare its SHA-256 with that of the original."
    )


def _check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    # TorchScript packs its program's text, which nothing here reads
    read = [member for member in archive.infolist() if "/code/" not in member.filename]
    packed = [member.filename for member in read if member.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise WeightsError(
            f"{path}: {packed[0]!r} is packed, which torch never does. Unpack the file, or save the weights "
            "anew."
        )
    inside, outside = sum(member.file_size for member in read), path.stat().st_size
    if inside > outside:
        raise WeightsError(
            f"{path}: says that it holds {inside:,} bytes and has {outside:,}: its members overlap."
        )


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
