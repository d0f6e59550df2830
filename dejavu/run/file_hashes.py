"""SHA-256 of files, computed once: a file is read again only if its size or one of its times changed.

Sizes and times are kept in a file of their own, beside the hashes, and enter no record: a copy of the same
files has the same hashes. The time of the last change of a file's entry (ctime) counts too: nobody can
set it, so a file that is replaced by one of equal size and equal time is read again.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from dejavu.run import odd_files
from dejavu.run.progress import say

if TYPE_CHECKING:
    import pyarrow as pa

SETTLED_SECONDS = 2.0  # a file changed just now may change again within one tick of its time
_LARGE = 1_000_000_000  # bytes from which reading takes so long that it is said
Facts = tuple[int, int, int]  # size in bytes, times of the last change of contents and entry in ns


class FileHashes:
    """The hashes that were known at the start, and those that were asked for since."""

    def __init__(self, path: Path, *, workers: int = 1) -> None:
        """Read what was kept at `path`; `workers` threads read files that are not known."""
        self._path, self._workers = path, workers
        self._known: dict[str, tuple[Facts, str]] = {}
        self._used: dict[str, tuple[Facts, str]] = {}
        if path.is_file():
            self._known.update(_read(path))

    def of(self, path: Path) -> str:
        """Return the SHA-256 of one file."""
        return self.of_all([path])[0]

    def of_all(self, paths: Sequence[Path]) -> list[str]:
        """Return the SHA-256 of each file; raises OSError where one cannot be read."""
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(self._of, paths))

    def _of(self, path: Path) -> str:
        key, status = str(path.absolute()), path.stat()
        facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._known.get(key) or self._used.get(key)
        digest = known[1] if known is not None and known[0] == facts else _digest(path, status)
        if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_SECONDS:
            self._used[key] = (facts, digest)
        return digest

    def save(self) -> None:
        """Keep the hashes of the files that were asked for, and no others."""
        if not self._used:
            self._path.unlink(missing_ok=True)
        if self._used == self._known:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = sorted(self._used.items())
        columns = [
            [os.fsencode(key).decode(errors="replace") for key, _ in rows],
            *([facts[axis] for _, (facts, _) in rows] for axis in range(3)),
            [digest for _, (_, digest) in rows],
        ]
        schema = _schema()
        arrays = [
            pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_name(self._path.name + ".part")
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), scratch, compression="zstd")
        scratch.replace(self._path)


def _schema() -> "pa.Schema":
    """Return the columns of what is kept; tables are imported only where there is a file to note."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            *(
                pa.field(name, pa.int64(), nullable=False)
                for name in ("bytes", "mtime_ns", "ctime_ns")
            ),
            pa.field("sha256", pa.string(), nullable=False),
        ]
    )


def _read(path: Path) -> dict[str, tuple[Facts, str]]:
    """Return what was kept; nothing of a damaged file, so that all is hashed anew."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(path, schema=_schema()).to_pydict()
        return {
            key: ((facts[0], facts[1], facts[2]), digest)
            for key, *facts, digest in zip(*columns.values(), strict=True)
        }
    except (OSError, pa.ArrowException, KeyError):
        return {}


def _digest(path: Path, status: os.stat_result) -> str:
    if status.st_size == 0:  # some files of the system say so, and never end
        return hashlib.sha256().hexdigest()
    if odd_files.is_hollow(status):
        say(f"inputs: {path} is {status.st_size / 1e9:.1f} GB of holes: its size counts, not read")
        return f"holes {status.st_size}"
    if status.st_size > _LARGE:
        say(f"inputs: hashing {path}, {status.st_size / 1e9:.1f} GB")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
