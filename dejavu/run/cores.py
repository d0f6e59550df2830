"""How many cores this process may use: all of the machine, or what a cluster's scheduler gave it."""

import os

GIVEN = "DEJAVU_CORES"  # a variable of the environment; set in workers of a cluster


def given() -> int:
    """Return the cores that threads of this process may keep busy, at least 1."""
    return int(os.environ.get(GIVEN, 0)) or os.cpu_count() or 1
