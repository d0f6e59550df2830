"""Note what lies outside the graph: weights, annotations, given roles, corpora.

DVC hashes what it tracks, and a data set of a million images is not what it should track. So the first
stage writes one small record per entry of params.yaml, and each stage depends on the record of its own
entry. A record names files, their sizes and what they hold (SHA-256, see `file_hashes`), never where they
lie or when they changed: a data set that was copied reruns nothing, and one in which a file was replaced
by another of equal size reruns what reads it. Only a corpus whose images the pipeline itself does not hash
(``hash_images: false``) counts by names and sizes, and files of an object store by what the store says
that changes with their contents (ETag).
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.errors import DataError
from dejavu.files.remote import AnyPath, RemotePath, is_remote
from dejavu.params.external_files import OutsidePath, paths_of
from dejavu.run import odd_files
from dejavu.run.file_hashes import FileHashes
from dejavu.run.progress import track

CACHE = Path(".work") / "inputs.parquet"
_WORKERS = 4  # threads that read files which are not known


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSettings:
    """What may name files outside the graph."""

    sections: Mapping[
        str, Any
    ]  # of params.yaml, by the name of their record, e.g. ``image/corpus``
    data_folder: Path  # what paths of the sections are relative to
    store: str | None = None  # what corpora are relative to, where that is an object store


def record(*, settings: ExternalSettings, out: Path) -> None:
    """Write ``<name>.json`` for every section: what the files are that it names outside the graph.

    A mapping of entries gives one record per entry, in a folder of its name. What is not there is
    noted as missing: whoever needs it says so, and a file that appears later is a change.

    Args:
        settings: the sections; an entry's record is in a folder of its section's name.
        out: the folder to make.

    Raises:
        DataError: a file or folder cannot be read.
    """
    shutil.rmtree(out, ignore_errors=True)
    hashes = FileHashes(CACHE, workers=min(_WORKERS, os.cpu_count() or 1))
    for name, section in settings.sections.items():
        entries = section if isinstance(section, Mapping) else {None: section}
        for entry, values in entries.items():
            place = out / f"{name}.json" if entry is None else out / name / f"{entry}.json"
            facts = [_facts(each, settings, hashes) for each in paths_of(values)]
            place.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"outside": facts}, indent=1, sort_keys=True, ensure_ascii=False)
            place.write_text(text + "\n", encoding="utf-8")
    hashes.save()


def _facts(named: OutsidePath, settings: ExternalSettings, hashes: FileHashes) -> dict[str, Any]:
    path: AnyPath = settings.data_folder / named.path
    if is_remote(named.path):
        path = RemotePath.of(named.path)
    elif settings.store is not None and named.is_of_corpus:
        path = RemotePath.of(settings.store) / named.path
    try:
        if isinstance(path, RemotePath):
            facts = _in_store(path)
        elif path.is_file():
            facts = {"bytes": path.stat().st_size, "sha256": hashes.of(path)}
        elif not path.is_dir():
            facts = {"is_missing": True}
        elif named.has_corpus:
            facts = _corpus(path, hashes if named.has_contents else None)
        else:
            facts = _folder(path, named.pattern, hashes)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror or error}. Its name stands in params.yaml."
        ) from None
    return {"path": named.path, **facts}


def _in_store(path: RemotePath) -> dict[str, Any]:
    """Return what names the files of a place in an object store: names, sizes and the store's own tags."""
    if path.is_file():
        path, only = RemotePath(path.url.rpartition("/")[0]), path.name
        found = [each for each in path.files() if each.name == only]
    else:
        found = path.files()
    digest = hashlib.sha256()
    for each in found:
        digest.update(f"{each.name}\0{each.n_bytes}\0{each.tag}\n".encode())
    if not found:
        return {"is_missing": True}
    n_bytes = sum(each.n_bytes for each in found)
    return {
        "files": len(found),
        "bytes": n_bytes,
        "names_sizes_and_tags_sha256": digest.hexdigest(),
    }


def _folder(folder: Path, pattern: str, hashes: FileHashes) -> dict[str, Any]:
    """Return what names the contents of a folder's files and their names."""
    digest, n_files, n_bytes = hashlib.sha256(), 0, 0
    for path in sorted(path for path in folder.glob(pattern) if path.is_file()):
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{hashes.of(path)}\n".encode(errors="surrogateescape"))
        n_files += 1
        n_bytes += path.stat().st_size
    return {"files": n_files, "bytes": n_bytes, "sha256": digest.hexdigest()}


def _corpus(folder: Path, hashes: FileHashes | None) -> dict[str, Any]:
    """Return what names the files of a corpus, their sizes and, with `hashes`, what they hold."""
    digest, n_files, n_bytes = hashlib.sha256(), 0, 0
    folders = _folders(str(folder))
    for prefix, names in track(folders, what=f"inputs: {folder}, folders"):
        paths = [folder / f"{prefix}{name}" for name in names]
        contents = hashes.of_all(paths) if hashes else [""] * len(paths)
        for name, path, content in zip(names, paths, contents, strict=True):
            size = path.stat().st_size
            line = f"{prefix}{name}\0{size}\0{content}\n"
            digest.update(line.encode(errors="surrogateescape"))
            n_files += 1
            n_bytes += size
    kind = "sha256" if hashes else "names_and_sizes_sha256"
    return {"files": n_files, "bytes": n_bytes, kind: digest.hexdigest()}


def _folders(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the relative path and the files of every folder below, in name order; links once.

    A link to a folder above, or to what the system only shows as files, is not followed: nothing below
    either is part of a corpus, and it may never end.
    """
    seen = {str(parent) for parent in Path(os.path.realpath(folder)).parents}
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen or odd_files.is_of_the_system(real):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(parent, folder)
        prefix = "" if relative == "." else f"{Path(relative).as_posix()}/"
        names = (name for name in sorted(files) if not name.startswith("."))
        yield prefix, [name for name in names if Path(parent, name).is_file()]
