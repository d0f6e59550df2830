"""One run at a time in a project: two would write into each other's tables.

The lock belongs to a process and the processes that it starts, so that a stage may be run by DVC, by a
command, or by hand. The system frees it when its process ends, however that ends.
"""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from dejavu.errors import BusyError

LOCK = Path(".work") / "lock"
GRAPH = "dvc.yaml"  # a folder without it is no project, and nothing there is kept apart
HOLDER = "DEJAVU_LOCK"  # variable of the environment: which lock an ancestor of a process holds


@contextlib.contextmanager
def held(lock: Path = LOCK) -> Iterator[None]:
    """Keep other runs out of the project while the block runs.

    Args:
        lock: file that stands for the project; its folder, which the project holds, is made.

    Raises:
        BusyError: another process holds it; the message says which.
    """
    name = str(lock.absolute())
    is_ours = os.environ.get(HOLDER) == name  # this process or one that waits for it has the lock
    if is_ours or not (lock.parent.parent / GRAPH).exists():
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    about = lock.with_name(lock.name + ".json")
    try:
        with filelock.FileLock(lock, timeout=0):
            about.write_text(json.dumps(_facts()), encoding="utf-8")
            os.environ[HOLDER] = name
            try:
                yield
            finally:
                del os.environ[HOLDER]
                about.unlink(missing_ok=True)
    except filelock.Timeout:
        raise BusyError(
            f"Another run works in {lock.parent.parent.absolute()}: {_holder(about)}. Wait until it has "
            "ended, or end it; what it has finished stays."
        ) from None


def _facts() -> dict[str, str | int]:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}


def _holder(about: Path) -> str:
    """Say who holds a lock; it may have ended, or not yet said so."""
    try:
        facts = json.loads(about.read_text(encoding="utf-8"))
        return "process {pid} on {host} since {since} ({command})".format(**facts)
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has not said who it is"
