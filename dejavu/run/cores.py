"""Which cores this process may use, and how its threads wait for each other."""

import os

GIVEN = "DEJAVU_CORES"  # a variable of the environment; set in workers of a cluster


def given() -> int:
    """Return the cores that threads of this process may keep busy, at least 1."""
    return int(os.environ.get(GIVEN, 0)) or os.cpu_count() or 1


def wait_briefly() -> None:
    """Let threads that wait for others fall asleep soon, unless the environment says how they wait.

    OpenMP's threads keep a core busy for milliseconds while they wait. Beside other work they take that
    core from the very thread they wait for, and a training step takes many times as long. Asleep at once
    they lose a third of a quiet machine; after 10,000 turns, some ten microseconds, neither is lost
    (`python -m benchmarks.waiting`). For programs, before torch and FAISS are loaded: it is read once.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
