"""What workers of a cluster compute in tests: without imports that would make each of them slow to start."""

import os
import time
from pathlib import Path

from dejavu.errors import DataError
from dejavu.run import cores

MEMORY = """1 worker(s) were killed due to the node running low on memory. Memory was 5.90GB / 23.54GB (0.26)
OOM kill reason: Memory usage 6322114560B exceeded threshold of 6319127552B (25.0% of 25276510208B limit)
Refer to the documentation on how to address the out of memory issue: https://docs.ray.io/en/latest/"""


def noted(index, path):
    """Write who computed it, where and with how many cores; begin when two processes are there."""
    import ray

    Path(f"{os.getpid()}.is_here").touch()
    until = time.monotonic() + 100
    while len(list(Path().glob("*.is_here"))) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    node = ray.get_runtime_context().get_node_id()
    path.write_text(f"{index} {node} {os.getpid()} {cores.given()} {Path.cwd()}")


def dies_once(index, path):
    if index == 2 and not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), 9)
    path.write_text(f"{index}")


def takes_too_much_memory_once(index, path):
    """End as Ray ends what takes the node's memory; a death of its own kind, as no other is."""
    import ray

    if index == 2 and not Path("died").exists():
        Path("died").touch()
        raise ray.exceptions.OutOfMemoryError(MEMORY)
    path.write_text(f"{index}")


def takes_too_much_memory(index, path):
    import ray

    raise ray.exceptions.OutOfMemoryError(MEMORY)


def dies(index, path):
    os.kill(os.getpid(), 9)


def refuses(index, path):
    if index == 3:
        raise DataError("part 3: no such image.")
    path.write_text("whole")


def takes_its_node_along(index, path):
    """End the whole node unless it is the one that the test wants to keep; slow enough for both to begin."""
    import ray

    time.sleep(1)
    if ray.get_runtime_context().get_node_id() != Path("kept").read_text():
        Path("gone").touch()
        os.kill(os.getppid(), 9)
        time.sleep(600)  # its own end comes before
    path.write_text(f"{index}")


def first_is_slow(index, path):
    if index == 0:
        time.sleep(8)
    path.write_text(f"{index} {os.getpid()}")


def environment(index, path):
    path.write_text(" ".join(f"{name}={value}" for name, value in os.environ.items()))


def other_in_each_process():
    return {"numpy": str(os.getpid()), "torch": "2"}
