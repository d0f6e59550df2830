"""Run one pipeline stage from the command line, and log what it cost."""

import argparse
import inspect
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dejavu import __version__
from dejavu.errors import DejavuError

LOGS = Path("logs")


def run(main: Callable[..., None]) -> None:
    """Call `main` with each parameter taken from a required ``--name value`` flag.

    A mistake the user can fix ends in its message on stderr and exit status 1; a bug of ours keeps
    its traceback. Volatile facts (seconds, memory) go to ``logs/<stage>.json``, which no stage reads
    as an input and DVC does not track.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(main), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=parameter.annotation, required=True)
    flags = vars(parser.parse_args())
    started, cpu_started = time.time(), _cpu_seconds()
    try:
        main(**flags)
    except DejavuError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    _log(flags, seconds=time.time() - started, cpu_seconds=_cpu_seconds() - cpu_started)


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _log(flags: dict[str, Any], *, seconds: float, cpu_seconds: float) -> None:
    script = Path(sys.argv[0]).stem
    stage = os.environ.get("DVC_STAGE", script)
    peak_kib = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    facts = {
        "stage": stage,
        "flags": {name: str(value) for name, value in flags.items()},
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "peak_mib": round(peak_kib / 1024),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "dejavu": __version__,
    }
    LOGS.mkdir(exist_ok=True)
    (LOGS / f"{stage}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
