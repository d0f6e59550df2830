"""`dejavu resume`: go on where a run was stopped, whatever it was doing."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.errors import BusyError

EXAMPLES = terminal.examples(
    ("dejavu resume", "after a kill or a power cut: mend dvc.lock if need be, then `dvc repro`"),
    ("dejavu resume report", "the same, and of the pipeline only what the report needs"),
)


def command(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Stages, as `dvc repro` takes them; default: all.")
    ] = None,
) -> None:
    """Run `dvc repro`; before, bring back the last whole dvc.lock if a stop or a merge left none.

    DVC rewrites dvc.lock in place after every stage, and refuses to start on half of it, or on both sides
    of a merge. What it cannot read is kept beside the copies; recorded stages come from DVC's cache.
    """
    from dejavu.run import dvc_lock, writable

    if Path(".dvc").is_dir():  # else DVC says that this is no project
        writable.require(Path())
    if dvc_lock.is_broken():
        _require_idle()
        for line in dvc_lock.mend():
            typer.echo(line, err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "dvc", "repro", *(targets or [])])  # noqa: S606


def _require_idle() -> None:
    """Refuse to mend a record that a run is just writing: for a moment it is half a file, too."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(Path.cwd())) as repo, repo.lock:
            return
    except LockError:
        raise BusyError("DVC works in this project. Wait for it, or stop it; then go on.") from None
    except DvcException:
        return  # no project of DVC's: `dvc repro` says so itself
