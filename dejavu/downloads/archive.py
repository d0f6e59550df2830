"""Unpack a downloaded zip archive: plain files below one folder, or nothing at all."""

import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from dejavu.downloads.places import require_plain
from dejavu.errors import FetchError
from dejavu.run.progress import say
from dejavu.text import printable

MAX_MEMBERS = 2_000_000  # the largest published archive has 123,000
_PLAIN = re.compile(r"[^\x00-\x1f\x7f\\:]+")


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack a zip archive whose only top folder is `folder`'s name, unless `folder` exists.

    Raises:
        FetchError: no zip archive, no such folder in it, no room, or a member that is not a plain file
            below that folder; nothing of it stays behind.
    """
    if folder.exists():
        say(f"{folder}: there already; the archive is not unpacked again")
        return folder
    scratch = folder.with_name(folder.name + ".part")
    require_plain(archive.parent, scratch / "x")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as stream:
            _inspect(stream, archive, folder)
            say(f"unpacking {archive.name} to {folder}")
            stream.extractall(scratch)
        (scratch / folder.name).rename(folder)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise FetchError(f"{archive}: not a zip archive that can be unpacked ({error}).") from None
    except OSError as error:
        raise FetchError(f"{folder}: unpacking failed ({error}).") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _inspect(stream: zipfile.ZipFile, archive: Path, folder: Path) -> None:
    """Refuse an archive before its first byte is written."""
    members = stream.infolist()
    if len(members) > MAX_MEMBERS:
        raise FetchError(f"{archive}: holds {len(members)} files, expected at most {MAX_MEMBERS}.")
    names = [member.filename for member in members]
    if not any(name.startswith(f"{folder.name}/") for name in names):
        raise FetchError(f"{archive}: holds no folder {folder.name!r}; unpack it by hand.")
    if len(set(names)) != len(names):
        raise FetchError(
            f"{archive}: holds a file twice, so its content is not one. Nothing was unpacked."
        )
    for member in members:
        if reason := _stranger(member, folder.name):
            shown = printable(repr(member.filename))[:200]
            raise FetchError(f"{archive}: its member {shown} {reason}. Nothing was unpacked.")
    n_bytes = sum(member.file_size for member in members)
    if shutil.disk_usage(archive.parent).free < n_bytes:
        raise FetchError(f"{folder}: unpacking needs {n_bytes} free bytes. Make room first.")


def _stranger(member: zipfile.ZipInfo, top: str) -> str | None:
    """Say why a member is not a plain file or folder below `top`; None if it is one."""
    first, *rest = member.filename.rstrip("/").split("/")
    if first != top:
        return f"lies outside {top!r}"
    if any(part in ("", ".", "..") or not _PLAIN.fullmatch(part) for part in rest):
        return "has no plain path"
    kind = stat.S_IFMT(member.external_attr >> 16)
    return (
        None if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is no plain file (a link or a device)"
    )
