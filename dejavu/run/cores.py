"""Which cores this process may use, and how its threads wait for each other."""

import os

GIVEN = "DEJAVU_CORES"  # a variable of the environment; set in workers of a cluster


def given() -> int:
    """Return the cores that threads of this process may keep busy, at least 1."""
    return int(os.environ.get(GIVEN, 0)) or os.cpu_count() or 1


def wait_asleep() -> None:
    """Let threads that wait for others sleep, unless the environment says how they wait.

    OpenMP's threads keep a core busy while they wait. Beside other work they take that core from the very
    thread they wait for: a training step of 40 ms then takes seconds. Asleep, they cost a few percent of a
    quiet machine. For programs, before torch and FAISS are loaded: OpenMP reads it once.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
