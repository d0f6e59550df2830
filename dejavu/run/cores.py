"""Which cores this process may use, and how its threads wait for each other."""

import math
import os
from pathlib import Path

GIVEN = "DEJAVU_CORES"  # a variable of the environment; set in workers of a cluster
_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of processors in a period


def given() -> int:
    """Return the cores that threads of this process may keep busy, at least 1.

    Those of the machine, or what the system leaves of them to this process: SLURM's ``--cpus-per-task`` and
    ``taskset`` bind it to some, ``docker run --cpus`` limits its time.
    """
    return int(os.environ.get(GIVEN, 0)) or _left_by_the_system()


def _left_by_the_system() -> int:
    n_cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # of Linux
        n_cores = min(n_cores, len(os.sched_getaffinity(0)))
    try:
        quota, period = _LIMIT.read_text(encoding="ascii").split()
        return max(1, min(n_cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # none, or "max"
        return n_cores


def wait_briefly() -> None:
    """Let threads that wait for others fall asleep soon, unless the environment says how they wait.

    OpenMP's threads keep a core busy for milliseconds while they wait. Beside other work they take that
    core from the very thread they wait for, and a training step takes many times as long. Asleep at once
    they lose a third of a quiet machine; after 10,000 turns, some ten microseconds, neither is lost
    (`python -m benchmarks.waiting`). For programs, before torch and FAISS are loaded: it is read once.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
