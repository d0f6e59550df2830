"""Compare what lies on the disk with the hashes that dvc.lock recorded when the stages ran.

DVC trusts its cache: it looks a result up by name, and restores what lies there. So a file that was put
there under the name of another, or rotted, comes back as a result. Here every byte is hashed again.
"""

import dataclasses
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dejavu.errors import ArtifactError
from dejavu.files import merge_conflicts
from dejavu.run import graph
from dejavu.run.progress import track
from dejavu.text import printable

BLOCK_BYTES = 1 << 20
MAX_LOCK_BYTES = 64 << 20
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not what the stage made."""

    stage: str
    path: str  # of the result, as dvc.lock names it, or of one file in it
    place: str  # project or cache
    what: str


@dataclasses.dataclass(slots=True)
class Verified:
    """What was compared."""

    n_files: int = 0
    n_bytes: int = 0
    absent: list[str] = dataclasses.field(default_factory=list)  # results that lie nowhere
    differences: list[Difference] = dataclasses.field(default_factory=list)


def verify(lock: Path, root: Path, cache: Path) -> Verified:
    """Hash every result that `lock` records, in the project and in DVC's cache.

    Args:
        lock: dvc.lock.
        root: the project's folder, which paths in the lock are relative to.
        cache: DVC's cache of contents, with folders ``files/md5``.

    Returns:
        What differs; a result that is in one of both places only is no difference.

    Raises:
        ArtifactError: there is no lock, or it is none.
    """
    comparison = _Comparison(root, cache)
    outs = [
        (stage, out)
        for stage, recorded in stages_of(lock).items()
        for out in _outs(lock, stage, recorded)
    ]
    outs = _of_today(outs, root / "dvc.yaml")
    for stage, out in track(outs, what="results"):
        comparison.compare(stage, out["path"], out["md5"])
    return comparison.verified


def _of_today(
    outs: list[tuple[str, dict[str, str]]], graph_file: Path
) -> list[tuple[str, dict[str, str]]]:
    """Leave out what a stage of an older graph made and one of today's makes again.

    DVC keeps what it recorded of stages that dvc.yaml no longer has.
    """
    if not graph_file.is_file():
        return outs
    known = set(graph.read(graph_file))
    today = {out["path"] for stage, out in outs if stage.partition("@")[0] in known}
    return [
        (stage, out)
        for stage, out in outs
        if stage.partition("@")[0] in known or out["path"] not in today
    ]


def stages_of(lock: Path) -> Mapping[str, Any]:
    """Return what dvc.lock records, by stage.

    Raises:
        ArtifactError: there is no lock, or it is none.
    """
    if not lock.is_file():
        raise ArtifactError(
            f"{lock}: no such file. Run `dvc repro`: it records what it made there."
        )
    if lock.stat().st_size > MAX_LOCK_BYTES:
        raise ArtifactError(
            f"{lock}: is larger than {MAX_LOCK_BYTES} bytes, so DVC did not write it."
        )
    text = lock.read_text(encoding="utf-8", errors="surrogateescape")
    try:
        # In Python: the compiled parser, where something installed it, crashes on deep nesting.
        content = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        reason = printable(str(error).splitlines()[0])[:200]
        raise ArtifactError(
            merge_conflicts.problem_of(lock, text)
            or f"{lock}: cannot be read ({reason}). `git checkout {lock.name}` brings the last committed one."
        ) from None
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict):
        raise ArtifactError(
            f"{lock}: lists no stages. `git checkout {lock.name}` brings the last one."
        )
    return stages


def _outs(lock: Path, stage: str, recorded: Any) -> Iterator[dict[str, str]]:
    outs = recorded.get("outs", []) if isinstance(recorded, dict) else [None]
    for out in outs if isinstance(outs, list) else [None]:
        if not isinstance(out, dict) or not isinstance(out.get("path"), str):
            raise ArtifactError(f"{lock}: stage {stage}: an output without a path.")
        if not isinstance(out.get("md5"), str) or not _MD5.fullmatch(out["md5"]):
            raise ArtifactError(f"{lock}: stage {stage}: {out['path']!r} has no MD5.")
        yield out


class _Comparison:
    def __init__(self, root: Path, cache: Path) -> None:
        self.root, self.cache = root, cache
        self.verified = Verified()
        self._hashes: dict[tuple[int, int], str] = {}  # a file may have a name in both places

    def compare(self, stage: str, path: str, md5: str) -> None:
        """Compare one result in both places."""

        def differs(place: str, name: str, what: str) -> None:
            difference = Difference(stage=stage, path=name, place=place, what=what)
            self.verified.differences.append(difference)

        stored, here = self._stored(md5), self.root / path
        is_stored, is_here = os.path.lexists(stored), os.path.lexists(here)
        if not is_stored and not is_here:
            self.verified.absent.append(path)
            return
        if not md5.endswith(".dir"):
            for place, file in (("cache", stored), ("project", here)):
                if os.path.lexists(file) and (what := self._differs(file, md5)):
                    differs(place, path, what)
            return
        listing = None
        if is_stored:
            if what := self._differs(stored, md5.removesuffix(".dir")):
                differs("cache", path, f"its list of files: {what}")
            else:
                listing = self._listing(stored)
        for name, each in (listing or {}).items():
            file = self._stored(each)
            if os.path.lexists(file) and (what := self._differs(file, each)):
                differs("cache", f"{path}/{name}", what)
        if is_here:
            for name, what in self._folder(here, md5, listing):
                differs("project", f"{path}/{name}" if name else path, what)

    def _stored(self, md5: str) -> Path:
        return self.cache / "files" / "md5" / md5[:2] / md5[2:]

    def _listing(self, stored: Path) -> dict[str, str] | None:
        """Return the MD5 of each file of a folder, as DVC lists them; None if it lists something else."""
        try:
            entries = json.loads(stored.read_bytes())
            found = {str(entry["relpath"]): str(entry["md5"]) for entry in entries}
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        is_plain = all(
            _MD5.fullmatch(md5)
            and ".." not in PurePosixPath(name).parts
            and not name.startswith("/")
            for name, md5 in found.items()
        )
        return found if is_plain else None

    def _folder(
        self, folder: Path, md5: str, listing: Mapping[str, str] | None
    ) -> Iterator[tuple[str, str]]:
        """Yield (file, what differs) of a folder of the project; ("", …) where no list names files."""
        if not folder.is_dir():
            yield "", "is no folder"
            return
        found: dict[str, str] = {}
        for file in sorted(each for each in folder.rglob("*") if not each.is_dir()):
            name = file.relative_to(folder).as_posix()
            hashed = self._md5(file)
            if hashed is None:
                yield name, "is no plain file"
            elif listing is not None and name not in listing:
                yield name, "is not among the files that the stage made"
            elif listing is not None and listing[name] != hashed:
                yield name, f"has MD5 {hashed}, recorded is {listing[name]}"
            found[name] = hashed or ""
        for name in sorted(set(listing or ()) - set(found)):
            yield name, "is gone"
        if listing is None and (total := _md5_of(found)) != md5:
            yield "", f"has MD5 {total}, recorded is {md5}"

    def _differs(self, file: Path, md5: str) -> str | None:
        found = self._md5(file)
        if found is None:
            return "is no plain file"
        return None if found == md5 else f"has MD5 {found}, recorded is {md5}"

    def _md5(self, file: Path) -> str | None:
        """Return the MD5 of a file's content, read once for all its names; None if it is no file."""
        try:
            facts = file.stat()
            if not stat.S_ISREG(facts.st_mode):
                return None
            key = (facts.st_dev, facts.st_ino)
            if key not in self._hashes:
                digest = hashlib.md5(usedforsecurity=False)
                with file.open("rb") as stream:
                    while block := stream.read(BLOCK_BYTES):
                        digest.update(block)
                self._hashes[key] = digest.hexdigest()
                self.verified.n_files += 1
                self.verified.n_bytes += facts.st_size
        except OSError as error:
            return f"none ({error.strerror})"
        return self._hashes[key]


def _md5_of(files: Mapping[str, str]) -> str:
    """Return the MD5 of a folder: that of DVC's list of its files."""
    entries = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    text = json.dumps(entries, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"
