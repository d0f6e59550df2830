"""Where downloads may be written: plain files in plain folders below the one that was chosen."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dejavu.errors import FetchError

MAX_RECORD_BYTES = 1 << 16


def require_plain(folder: Path, path: Path) -> None:
    """Refuse to write to `path` if it, or a part of it below `folder`, is a link or no plain file.

    `folder` itself is the user's choice, and may be a link to a larger disk. What lies in it may have
    been put there by others: a link would lead the download out of it, a pipe would hang it.

    Raises:
        FetchError: names the part and what it is.
    """
    for part in _parts(folder, path):
        try:
            facts = os.lstat(part)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FetchError(f"{part}: cannot be looked at ({error.strerror}).") from None
        is_last = part == path
        if stat.S_ISLNK(facts.st_mode):
            raise FetchError(
                f"{part}: is a link to {str(part.readlink())!r}. Nothing is written through links: remove "
                "it, or choose the folder it leads to with --to."
            )
        if is_last and not stat.S_ISREG(facts.st_mode):
            raise FetchError(f"{part}: is no plain file. Move it away.")
        if is_last and facts.st_nlink > 1:
            raise FetchError(
                f"{part}: has {facts.st_nlink} names (hard links); writing would change them all. Move it "
                "away."
            )
        if not is_last and not stat.S_ISDIR(facts.st_mode):
            raise FetchError(f"{part}: is no folder. Move it away.")


def _parts(folder: Path, path: Path) -> Iterator[Path]:
    """Yield `path` and what leads to it below `folder`, outermost first."""
    place = folder
    for name in path.relative_to(folder).parts:
        if name == "..":
            raise FetchError(f"{path}: leads out of {folder}.")
        place = place / name
        yield place


def read_facts(file: Path) -> dict[str, Any] | None:
    """Return what a small JSON file says; None if it is not there, {} if it says nothing readable."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return {}
        with file.open("rb") as stream:
            raw = stream.read(MAX_RECORD_BYTES + 1)
        facts = json.loads(raw) if len(raw) <= MAX_RECORD_BYTES else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_facts(file: Path, facts: dict[str, Any]) -> None:
    """Write a small JSON file in one step; a link of its name is replaced, not followed."""
    scratch = file.with_name(f"{file.name}.{os.getpid()}.new")
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    with open(scratch, "x", encoding="utf-8") as stream:  # noqa: PTH123  # "x": never a file that is there
        stream.write(text)
    scratch.replace(file)
