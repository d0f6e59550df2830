"""The record of what ran, dvc.lock, and the last whole one: DVC rewrites it in place after every stage.

A run that is killed while DVC writes leaves half a file, a merge of two branches that both ran leaves both
sides in it, and DVC refuses to read either.
"""

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dejavu.errors import ArtifactError
from dejavu.files import merge_conflicts

RECORD = Path("dvc.lock")
LAST_GOOD = Path(".work") / "dvc.lock.good"
BROKEN = Path(".work") / "dvc.lock.broken"
WORKERS = (
    Path(".dvc") / "tmp" / "rwlock"
)  # which process of DVC reads and writes what, in place, too
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the record has thousands of lines


def stages(record: Path = RECORD, *, last_good: Path = LAST_GOOD) -> Mapping[str, Any]:
    """Return what DVC noted of every stage that ran, by its name; nothing if nothing ran.

    Args:
        record: dvc.lock.
        last_good: a copy that may be there, for the message.

    Raises:
        ArtifactError: the file is not whole; the message says how to go on.
    """
    if not record.exists():
        return {}
    text = _text(record)
    found = _stages(text)
    if found is None:
        if problem := merge_conflicts.problem_of(record, text):
            raise ArtifactError(f"{problem} Or `dejavu resume`: {_ways(last_good)}.")
        copy = (
            f"`cp {last_good} {record}` (the copy before the last stage) or "
            if last_good.exists()
            else ""
        )
        raise ArtifactError(
            f"{record}: not whole, so DVC cannot read it; a run was stopped while writing it. Go on with "
            f"`dejavu resume`; by hand: {copy}`git checkout {record}` (the committed one), then `dvc repro`."
        )
    return found


def is_broken(record: Path = RECORD, *, workers: Path = WORKERS) -> bool:
    """Return whether the record is there and not whole, or DVC's list of who works on what."""
    return (record.exists() and _stages(_text(record)) is None) or not _is_list_whole(workers)


def mend(
    record: Path = RECORD,
    *,
    last_good: Path = LAST_GOOD,
    broken: Path = BROKEN,
    workers: Path = WORKERS,
) -> list[str]:
    """Put the last whole record in the place of a broken one, which is kept at `broken`.

    Without a copy no stage ever ended on a whole record: then there is nothing to bring back, and all that
    was made comes from DVC's cache. Of both sides of a merge, ours is left, if it is whole. A broken list
    of workers is removed, and DVC begins it anew.

    Returns:
        What was done, line by line.
    """
    done = []
    if not _is_list_whole(workers):
        workers.unlink()
        done.append(f"{workers}: was not whole; DVC makes it anew")
    text = _text(record) if record.exists() else None
    if text is None or _stages(text) is not None:
        return done
    broken.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(record, broken)
    is_merge = merge_conflicts.line_of(text) is not None
    what = (
        f"held both sides of a merge, and is now {broken}"
        if is_merge
        else f"was not whole, and is now {broken}"
    )
    if last_good.exists():
        _replace(record, last_good.read_bytes())
        end = "the last whole one is back"
    elif is_merge and _stages(merge_conflicts.ours(text)) is not None:
        _replace(record, merge_conflicts.ours(text).encode())
        end = "our side of it is left"
    else:
        record.unlink()
        end = "DVC takes what was made from its cache"
    after = f". `git add {record}` tells Git that it is settled" if is_merge else ""
    return [*done, f"{record}: {what}; {end}{after}"]


def _ways(last_good: Path) -> str:
    """Say what `mend` leaves of a record that holds both sides of a merge."""
    kept = f"the copy before the last stage ({last_good})" if last_good.exists() else "our side"
    return f"it goes on from {kept}, and keeps the file as it is beside it"


def _replace(record: Path, content: bytes) -> None:
    scratch = record.with_name(f"{record.name}.part")
    scratch.write_bytes(content)
    scratch.replace(record)


def _is_list_whole(workers: Path) -> bool:
    try:
        return not workers.exists() or isinstance(json.loads(workers.read_bytes()), dict)
    except (ValueError, RecursionError):
        return False


def keep(record: Path = RECORD, *, last_good: Path = LAST_GOOD) -> None:
    """Copy the record beside the work if it is whole and another than the copy."""
    with contextlib.suppress(OSError):  # without a copy git's remains
        if _is_same(record, last_good) or _stages(_text(record)) is None:
            return
        last_good.parent.mkdir(parents=True, exist_ok=True)
        scratch = last_good.with_name(last_good.name + ".part")
        shutil.copy2(record, scratch)
        scratch.replace(last_good)


def _is_same(record: Path, copy: Path) -> bool:
    if not copy.exists():
        return False
    ours, theirs = record.stat(), copy.stat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _text(record: Path) -> str:
    return record.read_text(encoding="utf-8", errors="surrogateescape")


def _stages(text: str) -> Mapping[str, Any] | None:
    """Return the stages of a whole record, None of a broken one."""
    try:
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, UnicodeError, RecursionError):
        return None
    if not text.endswith("\n") or not isinstance(content, Mapping) or "schema" not in content:
        return None
    found = content.get("stages", {})
    return found if isinstance(found, Mapping) and all(map(_is_whole, found.values())) else None


def _is_whole(stage: Any) -> bool:
    """Return whether nothing is cut off a stage: half a record may still be YAML, which DVC refuses."""
    if not isinstance(stage, Mapping) or "cmd" not in stage:
        return False
    lists = [stage[kind] for kind in ("deps", "outs") if kind in stage]
    return all(isinstance(files, list) for files in lists) and all(
        isinstance(file, Mapping) and {"path", "md5"} <= file.keys()
        for files in lists
        for file in files
    )
