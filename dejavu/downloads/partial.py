"""The part of a file that has arrived, and whether it may be continued.

Beside ``<file>.part`` lies ``<file>.part.json``: the address, the server's validator, and the SHA-256 of
the first so many bytes. What was changed since, or does not fit the file on the server, starts anew.
"""

import hashlib
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any

from dejavu.downloads.places import read_facts, write_facts
from dejavu.downloads.published_files import RemoteFile

BLOCK_BYTES = 1 << 20
NOTE_BYTES = 64 << 20  # the state is written again after so many bytes: a killed call loses as many


def state_of(part: Path) -> Path:
    """Return where the state of a part lies."""
    return part.with_name(part.name + ".json")


def resumable(file: RemoteFile, part: Path) -> tuple[int, str | None]:
    """Return how many bytes of `part` may be kept, and the validator that the server gave for them."""
    if not part.exists():
        return 0, None
    known = read_facts(state_of(part)) or {}
    if known.get("url") != file.url:
        return 0, None
    validator = known.get("validator")
    validator = validator if isinstance(validator, str) and validator.isprintable() else None
    if file.sha256 or file.md5:  # a published checksum judges the whole
        return part.stat().st_size, validator
    kept = known.get("bytes")
    if validator is None or not isinstance(kept, int) or not 0 < kept <= part.stat().st_size:
        return 0, None
    return (kept, validator) if Noted(part, kept).digest() == known.get("sha256") else (0, None)


class Noted:
    """A running SHA-256 of what lies in a part, noted beside it now and then."""

    def __init__(self, part: Path, n_bytes: int) -> None:
        self.part = part
        self.n_bytes = self._noted = n_bytes
        self._sha256 = hashlib.sha256()
        for block in _first(part, n_bytes):
            self._sha256.update(block)

    def digest(self) -> str:
        """Return the SHA-256 of all bytes so far."""
        return self._sha256.hexdigest()

    def write(self, stream: RawIOBase, block: bytes, facts: dict[str, Any]) -> None:
        """Append a block to the part, which is open without a buffer."""
        left = memoryview(block)
        while left:  # a disk that fills up takes the first bytes of a block
            n = stream.write(left) or 0
            self._sha256.update(left[:n])
            self.n_bytes += n
            left = left[n:]
        if self.n_bytes - self._noted >= NOTE_BYTES:
            self.note(facts)

    def note(self, facts: dict[str, Any]) -> None:
        """Write down how far the part is known."""
        self._noted = self.n_bytes
        write_facts(state_of(self.part), facts | {"bytes": self.n_bytes, "sha256": self.digest()})


def _first(part: Path, n_bytes: int) -> Iterator[bytes]:
    if not n_bytes:
        return
    with part.open("rb") as stream:
        while n_bytes and (block := stream.read(min(BLOCK_BYTES, n_bytes))):
            n_bytes -= len(block)
            yield block
