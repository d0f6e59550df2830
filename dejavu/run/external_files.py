"""Note what lies outside the graph: weights, annotations, given roles, corpora.

DVC hashes what it tracks, and a data set of a million images is not what it should track. So the first
stage writes one small record per entry of params.yaml, and each stage depends on the record of its own
entry. Files count by their SHA-256, which is computed again only when size or time of a file changed.
Corpora count by the names and sizes of their files; contents are never read.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.errors import DataError
from dejavu.params.external_files import OutsidePath, paths_of
from dejavu.run.progress import say

CACHE = Path(".work") / "inputs.json"
SETTLED_SECONDS = 2.0  # a file changed just now may change again within one tick of its time


def record(sections: Mapping[str, Any], out: Path, *, data_folder: Path) -> None:
    """Write ``<name>.json`` for every section: what the files are that it names outside the graph.

    A mapping of entries gives one record per entry, in a folder of its name. What is not there is
    noted as missing: whoever needs it says so, and a file that appears later is a change.

    Args:
        sections: by name, e.g. ``image/corpus``.
        out: the folder to make.
        data_folder: what paths of the sections are relative to.

    Raises:
        DataError: a file or folder cannot be read.
    """
    shutil.rmtree(out, ignore_errors=True)
    hashes = _Hashes(CACHE)
    for name, settings in sections.items():
        entries = settings if isinstance(settings, Mapping) else {None: settings}
        for entry, values in entries.items():
            place = out / f"{name}.json" if entry is None else out / name / f"{entry}.json"
            facts = [_facts(each, data_folder, hashes) for each in paths_of(values)]
            place.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"outside": facts}, indent=1, sort_keys=True, ensure_ascii=False)
            place.write_text(text + "\n", encoding="utf-8")
    hashes.save()


def _facts(named: OutsidePath, data_folder: Path, hashes: "_Hashes") -> dict[str, Any]:
    path = data_folder / named.path
    try:
        if path.is_file():
            facts = {"bytes": path.stat().st_size, "sha256": hashes.of(path)}
        elif not path.is_dir():
            facts = {"is_missing": True}
        elif named.has_corpus:
            facts = _listing(path)
        else:
            facts = _folder(path, named.pattern, hashes)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror or error}. Its name stands in params.yaml."
        ) from None
    return {"path": named.path, **facts}


def _folder(folder: Path, pattern: str, hashes: "_Hashes") -> dict[str, Any]:
    """Return what names the contents of a folder's files and their names."""
    digest, n_files, n_bytes = hashlib.sha256(), 0, 0
    for path in sorted(path for path in folder.glob(pattern) if path.is_file()):
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{hashes.of(path)}\n".encode(errors="surrogateescape"))
        n_files += 1
        n_bytes += path.stat().st_size
    return {"files": n_files, "bytes": n_bytes, "sha256": digest.hexdigest()}


def _listing(folder: Path) -> dict[str, Any]:
    """Return what names the files of a folder and their sizes, without opening any."""
    digest, n_files, n_bytes = hashlib.sha256(), 0, 0
    for name, size in _files_below(str(folder), ""):
        digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
        n_files += 1
        n_bytes += size
    return {"files": n_files, "bytes": n_bytes, "names_and_sizes_sha256": digest.hexdigest()}


def _files_below(folder: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the relative path and size of every file, folder by folder in name order."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_dir():
            yield from _files_below(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield prefix + entry.name, entry.stat().st_size


class _Hashes:
    """SHA-256 of files, kept on disk by path, size and time of last change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        self._used: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError):  # without it everything is hashed anew
            self._known = dict(json.loads(path.read_text(encoding="utf-8")))

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file, reading it only if it changed since it was last read."""
        key, status = str(path.absolute()), path.stat()
        facts = [status.st_size, status.st_mtime_ns]
        known = self._known.get(key)
        if known is not None and known[:2] == facts:
            digest = str(known[2])
        else:
            if status.st_size > 1_000_000_000:
                say(f"inputs: hashing {path}, {status.st_size / 1e9:.1f} GB")
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if time.time() - status.st_mtime > SETTLED_SECONDS:
            self._used[key] = [*facts, digest]
        return digest

    def save(self) -> None:
        """Keep the hashes of the files that this run named, and no others."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_name(self._path.name + ".part")
        scratch.write_text(json.dumps(self._used, sort_keys=True), encoding="utf-8")
        scratch.replace(self._path)
