"""Bad inputs by the hundred: parameters, names, tables and statements, downloads, results, data sets.

    python -m benchmarks.hostile_inputs            all kinds, a few minutes
    python -m benchmarks.hostile_inputs names sql  only these
    python -m benchmarks.hostile_inputs --page docs/results/hostile-inputs.md

With --page, the rows of what ran replace those of that page as they come, and so does its list of public
reports. Each input runs in a process and a folder of its own, with a limit on time and memory. Counted are:
named errors, inputs that are taken as they are, bugs (a traceback, a crash, exit code 70), hangs, inputs that
take all the memory there is ("unbounded"), and files that an input made or changed outside its folder, or
characters that a terminal would obey ("executed"), and results that differ from the truth without a word
("silent"; only inputs that know their truth can be).
"""

import argparse
import collections
import dataclasses
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import (
    hostile_cases,
    hostile_files,
    hostile_page,
    hostile_places,
    hostile_public,
    hostile_public_data,
    hostile_reported,
    hostile_shown,
    hostile_tables,
)
from benchmarks.hostile_cases import OUTSIDE, SITE, Act
from dejavu.check import data, models, room
from dejavu.commands import ask, boundary, give
from tests.downloads.server import serve

SECONDS, WAIT_S, BYTES = 30, 120, 6 << 30  # of a processor; on the clock; of memory
REPORTED = hostile_public.FAULTS | hostile_public_data.FAULTS | hostile_shown.FAULTS  # of reports
for _fault, _cases in hostile_reported.FAULTS.items():
    REPORTED[_fault] = hostile_reported.joined(REPORTED.get(_fault), _cases)
KINDS = (
    hostile_cases.KINDS
    | hostile_files.KINDS
    | {
        "tables": hostile_tables.tables,
        "places": hostile_places.places,
    }
    | {f"reported-{fault}": cases for fault, cases in REPORTED.items()}
)
PREPARED = (ask, data, give, models, room)  # imported once, and not by each child
OUTCOMES = ("named error", "taken", "bug", "hang", "unbounded", "silent", "executed")
WRONG = OUTCOMES[2:]
RESERVING = (
    "reported-report"  # whole reports: an engine of JavaScript reserves far more than it uses
)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of one input."""

    outcome: str
    seconds: float
    peak_mib: int
    said: str


def tried(act: Act, *, is_shown: bool = True, limited: int = resource.RLIMIT_AS) -> Result:
    """Run one input in a child process, in an empty folder, and judge what became of it.

    Args:
        act: what is called.
        is_shown: False for CSV in a pipe, which is data: it holds the characters that a terminal would obey.
        limited: what of its memory is limited, all that it reserves or what it writes to.
    """
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        inside = Path(scratch) / "inside"
        inside.mkdir()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _child(act, inside, limited)
        code, usage = _wait(child, started)
        said = (inside / ".said").read_text(encoding="utf-8", errors="replace")
        strangers = {path.name for path in Path(scratch).iterdir()} - {"inside"}
        outside = list(OUTSIDE.parent.glob(f"{OUTSIDE.name}*"))
        strangers |= {path.name for path in outside}
        for path in outside:
            path.unlink()
        is_obeyed = is_shown and bool({"\x1b", "\x9b", "\x07", "\u202e"} & set(said))
        outcome = {
            -signal.SIGXCPU: "hang",
            0: "taken",
            1: "named error",
            2: "named error",
            3: "named error",
            None: "hang",
        }.get(code, "bug")
        if "Traceback" in said:
            outcome = "bug"
        if "MemoryError" in said:
            outcome = "unbounded"
        if "Silent: " in said:
            outcome = "silent"
        if strangers or is_obeyed:
            outcome = "executed"
        return Result(outcome, time.monotonic() - started, usage // 1024, said[-300:])


def _child(act: Act, inside: Path, limited: int) -> None:
    os.chdir(inside)
    os.setsid()
    resource.setrlimit(limited, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    out = os.open(".said", os.O_WRONLY | os.O_CREAT)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ["DEJAVU_QUIET"] = ""
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # until exit
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115  # until exit
    code = boundary.run(act)
    sys.stdout.flush()
    os._exit(code)


def _wait(child: int, started: float) -> tuple[int | None, int]:
    while time.monotonic() - started < WAIT_S:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return (os.waitstatus_to_exitcode(status), usage.ru_maxrss)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    return None, os.wait4(child, 0)[2].ru_maxrss


HEAD = (
    f"| kind | inputs | {' | '.join(OUTCOMES)} | slowest, s | largest, MiB |",
    "| --- |" + " ---: |" * (len(OUTCOMES) + 3),
)


def row(kind: str, found: Mapping[str, Result]) -> str:
    """Return the line of a kind."""
    counts = collections.Counter(result.outcome for result in found.values())
    cells = " | ".join(str(counts[outcome]) for outcome in OUTCOMES)
    slowest = max(result.seconds for result in found.values())
    largest = max(result.peak_mib for result in found.values())
    return f"| `{kind}` | {len(found)} | {cells} | {slowest:.1f} | {largest} |"


def main(chosen: list[str], page: Path | None) -> int:
    """Run the kinds that are chosen, print the counts, and return how many inputs went wrong."""
    n_wrong = 0
    kinds = [kind for kind in KINDS if not chosen or kind in chosen or kind.split("-")[0] in chosen]
    print(*HEAD, sep="\n")
    with serve(SITE):
        for kind in kinds:
            limited = resource.RLIMIT_DATA if kind == RESERVING else resource.RLIMIT_AS
            found = {
                name: tried(act, is_shown=not name.endswith("csv"), limited=limited)
                for name, act in KINDS[kind]()
            }
            line = row(kind, found)
            print(line, flush=True)
            if page is not None:
                hostile_page.put_row(page, HEAD, line, list(KINDS))
                if kind.startswith("reported-"):
                    hostile_page.put_reports(page, kind, list(found))
            for name, result in found.items():
                if result.outcome in WRONG:
                    n_wrong += 1
                    print(f"  {result.outcome}: {name}: {result.said!r}", file=sys.stderr)
    return n_wrong


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds = sorted({*KINDS, *(kind.split("-")[0] for kind in KINDS)})
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(kinds))
    parser.add_argument("--page", type=Path, help="a page of which rows and reports are replaced")
    found = parser.parse_args()
    if unknown := [kind for kind in found.kinds if kind not in kinds]:
        parser.error(f"unknown kinds {unknown}; known: {', '.join(kinds)}")
    return found


if __name__ == "__main__":
    _options = _arguments()
    sys.exit(bool(main(_options.kinds, _options.page)))
