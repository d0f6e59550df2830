"""What workers of a cluster compute in tests: without imports that would make each of them slow to start."""

import os
from pathlib import Path

from dejavu.errors import DataError
from dejavu.run import cores


def noted(index, path):
    """Write who computed it, where and with how many cores."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    path.write_text(f"{index} {node} {os.getpid()} {cores.given()} {Path.cwd()}")


def dies_once(index, path):
    if index == 2 and not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), 9)
    path.write_text(f"{index}")


def dies(index, path):
    os.kill(os.getpid(), 9)


def refuses(index, path):
    if index == 3:
        raise DataError("part 3: no such image.")
    path.write_text("whole")
