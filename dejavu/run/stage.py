"""Run one pipeline stage from the command line, and log what it cost."""

import argparse
import gc
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

import psutil

from dejavu import __version__
from dejavu.errors import DejavuError
from dejavu.run import dvc_lock, failures, processes, progress, project_lock

LOGS = Path("logs")
INTERRUPTED = 130  # exit status, as shells know it: 128 and the number of the signal


def run(main: Callable[..., None]) -> None:
    """Call `main` with each parameter taken from a required ``--name value`` flag.

    A mistake the user can fix, and a refusal of the system (a full disk, a place that cannot be written),
    end in one line on stderr and exit status 1, an interrupt in one line and status 130; a bug of ours
    keeps its traceback. Only one run works in a project at a time. Volatile facts (seconds, memory) go to
    ``logs/<stage>.json``, which no stage reads as an input and DVC does not track. Of several processes
    that work together, the first holds the project and tells how it goes.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(main), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=parameter.annotation, required=True)
    flags = vars(parser.parse_args())
    gc.freeze()  # what was imported stays: no search for garbage looks at it again
    gc.enable()
    try:
        place = processes.place()
        if place.size > 1:
            processes.end_with_parents()
        if place.rank > 0:
            os.environ[progress.QUIET] = "1"
            main(**flags)
            return
        with project_lock.held():
            dvc_lock.keep()
            _run(main, flags)
        gc.freeze()  # else the interpreter searches all objects as it ends: a second where torch is loaded
    except DejavuError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: {failures.line_of(error)}")
    except MemoryError:
        sys.exit(f"Error: {_name()} needs more memory than there is. {failures.LESS_MEMORY}")
    except KeyboardInterrupt:
        print(
            f"Interrupted: {_name()} is not done. `dvc repro` goes on; what was finished is kept.",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)


def _run(main: Callable[..., None], flags: dict[str, Any]) -> None:
    started, cpu_started = time.time(), _cpu_seconds()
    main(**flags)
    _log(flags, started, cpu_seconds=_cpu_seconds() - cpu_started)


def _name() -> str:
    return os.environ.get("DVC_STAGE", Path(sys.argv[0]).stem)


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _log(flags: dict[str, Any], started: float, *, cpu_seconds: float) -> None:
    peak_kib = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    now = time.time()
    facts = {
        "stage": _name(),
        "flags": {name: str(value) for name, value in flags.items()},
        "seconds": round(now - started, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        # Starting Python and importing libraries included, which a short stage spends most of its time on.
        "process_seconds": round(now - psutil.Process().create_time(), 2),
        "process_cpu_seconds": round(_cpu_seconds(), 2),
        "peak_mib": round(peak_kib / 1024),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),  # processes that wanted a core in the last minute
        "python": platform.python_version(),
        "dejavu": __version__,
    }
    LOGS.mkdir(exist_ok=True)
    (LOGS / f"{_name()}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
