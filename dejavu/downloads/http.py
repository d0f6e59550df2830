"""Download one file over HTTP: resume after a broken connection, check, record, never overwrite."""

import contextlib
import dataclasses
import errno
import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dejavu.downloads.partial import BLOCK_BYTES, Noted, resumable, state_of
from dejavu.downloads.published_files import RemoteFile
from dejavu.downloads.records import digests, mismatch, record_of, write_record
from dejavu.errors import FetchError
from dejavu.run.progress import say, track

SPARE_BYTES = 64 << 20  # left free on the disk after a download
TIMEOUT_S = 60.0
# ValueError: an address in a redirect that is none
_BREAKS = (
    urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ValueError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to go on after a connection broke without a single new byte, and how long to wait."""

    attempts: int = 5
    wait_s: float = 2.0  # doubles with each attempt in vain


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to something else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if req.type == "https" and scheme != "https":
            raise FetchError(f"{req.full_url}: redirects to {newurl}, which is not encrypted.")
        if scheme not in ("http", "https"):
            raise FetchError(
                f"{req.full_url}: redirects to {newurl}; only http and https are followed."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_NoDowngrade)


def size_of(file: RemoteFile) -> int | None:
    """Return the file's size in bytes as known or as its server says; None if it does not say.

    Raises:
        FetchError: the server cannot be reached or refuses.
    """
    if file.n_bytes is not None:
        return file.n_bytes
    try:
        with _open(file.url, method="HEAD") as response:
            length = response.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        if error.code in (405, 501):  # the server has no HEAD
            return None
        raise FetchError(f"{file.url}: the server answered {error.code} {error.reason}.") from None
    except _BREAKS as error:
        raise FetchError(f"{file.url}: not reachable ({_reason(error)}).") from None
    return int(length) if length and length.isdecimal() else None


def written(path: Path) -> tuple[Path, ...]:
    """Return every file that `download` may write for `path`."""
    part = path.with_name(path.name + ".part")
    return path, record_of(path), part, state_of(part)


def download(
    file: RemoteFile, path: Path, *, record: Mapping[str, str], patience: Patience
) -> None:
    """Bring `file` to `path` and leave its record in ``<path>.json``.

    The bytes arrive in ``<path>.part`` and stay there if the connection or the disk fails, so that a
    second call goes on where the first one stopped. A resumed file must be the same file: the server's
    ETag or date is sent along, and without either a part is kept only if a checksum will judge it.

    Args:
        file: what to download; its SHA-256 or MD5 is verified if it stands there.
        path: the file to make; an existing one is never touched.
        record: further facts for the record, e.g. the license.
        patience: how to go on after a broken connection.

    Raises:
        FetchError: `path` exists, the server cannot be reached or refuses, the disk is full, or the
            content is not what was published (the part is then removed).
    """
    if os.path.lexists(path):
        raise FetchError(
            f"{path}: exists; nothing is overwritten. Move it away to download it again."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _receive_all(file, part, patience)
    found = digests(part)
    problem = mismatch(file, found)
    if problem:
        part.unlink()
        state_of(part).unlink(missing_ok=True)
        raise FetchError(f"{file.url}: {problem}. The download was removed; try again later.")
    write_record(path, file, found, record)
    part.rename(path)
    state_of(part).unlink(missing_ok=True)


def _receive_all(file: RemoteFile, part: Path, patience: Patience) -> None:
    """Fill `part`, going on after broken connections as long as there is progress or patience."""
    in_vain = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _receive(file, part):
                return
            problem, is_away = "the connection ended early", False
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise FetchError(f"{file.url}: {error.code} {error.reason}.") from None
            problem, is_away = f"the server answered {error.code} {error.reason}", False
        except _BREAKS as error:
            problem, is_away = _reason(error), _is_unreachable(error)
        arrived = part.stat().st_size if part.exists() else 0
        in_vain = 0 if arrived > before else in_vain + 1
        if in_vain >= patience.attempts or (is_away and not arrived):
            kept = (
                f" {arrived} bytes are kept; the same command goes on from there."
                if arrived
                else ""
            )
            raise FetchError(f"{file.url}: {problem}.{kept}")
        say(f"{part.stem}: {problem} after {arrived} bytes; going on")
        time.sleep(patience.wait_s * 2**in_vain if in_vain else 0)


def _receive(file: RemoteFile, part: Path) -> bool:
    """Ask for what `part` lacks, append it, and return whether the file is now complete."""
    offset, validator = resumable(file, part)
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    if offset and validator:
        headers["If-Range"] = validator
    try:
        response = _open(file.url, headers=headers)
    except urllib.error.HTTPError as error:
        if error.code == 416 and offset:  # nothing beyond what we have, or another file: start anew
            if error.headers.get("Content-Range", "").rpartition("/")[2] == str(offset):
                return True  # killed between the last byte and the check
            part.unlink()
            return False
        raise
    with response:
        if response.status != 206 or _start_of(response) != offset:
            offset = 0  # the server sends the whole file
        total = _total(response, offset)
        limit = _limit(file, part, total)
        _require_space(part, (total or file.n_bytes or 0) - offset)
        facts = {"url": file.url, "validator": _validator(response)}
        with part.open("r+b" if part.exists() else "xb", buffering=0) as stream:
            stream.seek(offset)
            stream.truncate()
            noted = Noted(part, offset)
            noted.note(facts)
            try:
                _copy(response, stream, noted, facts, total=total, limit=limit)
            finally:
                with contextlib.suppress(OSError):  # a full disk: the error of the copy says it
                    noted.note(facts)
    return total is None or part.stat().st_size == total


def _limit(file: RemoteFile, part: Path, total: int | None) -> int:
    """Return how many bytes the file may have: what was published, or what the disk can take."""
    if file.n_bytes is not None and total is not None and total > file.n_bytes:
        raise FetchError(
            f"{file.url}: the server sends {total} bytes, published are {file.n_bytes}. Nothing was taken."
        )
    if file.n_bytes is not None:
        return file.n_bytes
    there = part.stat().st_size if part.exists() else 0
    return there + max(0, shutil.disk_usage(part.parent).free - SPARE_BYTES)


def _copy(
    response: Any,
    stream: RawIOBase,
    noted: Noted,
    facts: dict[str, Any],
    *,
    total: int | None,
    limit: int,
) -> None:
    name = noted.part.stem
    n_blocks = None if total is None else -(-(total - noted.n_bytes) // BLOCK_BYTES)
    for block in track(_blocks(response), what=f"{name}, MiB", total=n_blocks):
        if noted.n_bytes + len(block) > limit:
            raise FetchError(
                f"{name}: more than {limit} bytes arrive, which is the published size or all the free space. "
                "Stopped there."
            )
        try:
            noted.write(stream, block, facts)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise FetchError(
                f"{name}: the disk is full after {noted.n_bytes} bytes. They are kept: make room and run "
                "the same command again, or choose another folder with --to."
            ) from None


def _blocks(response: Any) -> Iterator[bytes]:
    while block := response.read(BLOCK_BYTES):
        yield block


def _open(url: str, *, headers: Mapping[str, str] | None = None, method: str = "GET") -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"{url}: only http and https addresses can be downloaded.")
    # identity: a compressed transfer has no byte ranges of the file itself
    headers = {"Accept-Encoding": "identity", "User-Agent": "dejavu-fetch", **(headers or {})}
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 (checked)
    return _OPENER.open(request, timeout=TIMEOUT_S)


def _validator(response: Any) -> str | None:
    """Return a strong ETag or the date of the file; a weak ETag does not promise equal bytes."""
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return str(etag)
    return response.headers.get("Last-Modified")


def _start_of(response: Any) -> int:
    """Return the first byte of a partial answer: ``Content-Range: bytes 5-9/10`` is 5."""
    span = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(span) if span.isdigit() else -1


def _total(response: Any, offset: int) -> int | None:
    length = response.headers.get("Content-Length")
    return offset + int(length) if length and length.isdecimal() else None


def _require_space(part: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < n_bytes + SPARE_BYTES:
        raise FetchError(
            f"{part.parent}: needs {n_bytes + SPARE_BYTES} bytes, {free} are free. Make room, or choose "
            "another folder with --to."
        )


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", error)
    return str(inner) or type(inner).__name__


def _is_unreachable(error: BaseException) -> bool:
    """Tell a name that does not resolve or a host that refuses from a hiccup on the way."""
    inner = getattr(error, "reason", error)
    return isinstance(inner, (socket.gaierror, ConnectionRefusedError)) or (
        isinstance(inner, OSError) and inner.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    )
