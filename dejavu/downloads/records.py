"""What is known about a downloaded file: its digests, how they compare, and the record beside it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from dejavu.downloads.partial import BLOCK_BYTES
from dejavu.downloads.places import write_facts
from dejavu.downloads.published_files import RemoteFile


def digests(path: Path) -> dict[str, str | int]:
    """Return ``bytes``, ``sha256`` and ``md5`` of a file, read once."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            sha256.update(block)
            md5.update(block)
    n_bytes = path.stat().st_size
    return {"bytes": n_bytes, "sha256": sha256.hexdigest(), "md5": md5.hexdigest()}


def mismatch(file: RemoteFile, found: Mapping[str, str | int]) -> str | None:
    """Say how `found` differs from what was published about `file`; None if it does not."""
    published = {"bytes": file.n_bytes, "sha256": file.sha256, "md5": file.md5}
    for what, expected in published.items():
        if expected is not None and found[what] != expected:
            return f"expected {what} {expected}, found {found[what]}"
    return None


def record_of(path: Path) -> Path:
    """Return where the record of a downloaded file lies."""
    return path.with_name(path.name + ".json")


def write_record(
    path: Path, file: RemoteFile, found: Mapping[str, str | int], record: Mapping[str, str]
) -> None:
    """Write what is known about a downloaded file beside it: source, size, SHA-256, license."""
    is_verified = bool(file.sha256 or file.md5)
    facts = {
        "url": file.url, "bytes": found["bytes"], "sha256": found["sha256"],
        "checksum": "verified" if is_verified else "recorded on arrival", **record,
    }  # fmt: skip
    write_facts(record_of(path), facts)
