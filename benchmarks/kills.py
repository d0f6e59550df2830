"""Kill a small run at random moments, go on, and compare what it made with a run that was left alone.

    python -m benchmarks.kills --n 50 --seed 0           half an hour on two cores
    python -m benchmarks.kills --n 50 --seed 0 --light   minutes: the stages that need no network

Every kill is SIGKILL to DVC and all that it started. Three of four come after a random number of seconds,
one while DVC writes dvc.lock. After each, `dejavu resume` goes on, as README says; a project that needs more
is counted as "by hand", loses its dvc.lock, and goes on. A finished run is compared with the one that was
left alone, stage by stage as DVC recorded them, and a new one begins. With --keep FOLDER the project stays,
and a second call with the same folder and code does not make the run that is left alone again.

The table, and a line per kill, are written to --out after every kill: what is stopped has lost nothing.
"""

import argparse
import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from dejavu.run import dvc_lock
from tests.pipeline.project import Project

LONGEST_S = 40.0  # before a kill
LIGHT = ("naive_bayes", "oracle", "predictions")  # and all that they need
WRITE_S = 0.01  # how long after its first change dvc.lock is surely being written
RESULTS = ("reports/results.json", "reports/summary.md")


@dataclasses.dataclass(slots=True)
class Counts:
    """What became of the kills."""

    kills: int = 0
    in_writing: int = 0  # of them left half of dvc.lock, or of its list of workers
    runs: int = 0  # that finished after kills
    differing: int = 0  # of them
    by_hand: int = 0
    log: list[str] = dataclasses.field(default_factory=list)  # a line per kill and per run

    def table(self) -> str:
        """Return the counts, and what happened in which order."""
        cells = (self.kills, self.in_writing, self.runs, self.differing, self.by_hand)
        return "\n".join((
            "| kills | of them left half a lock | runs finished | differing | by hand |",
            "| ---: | ---: | ---: | ---: | ---: |",
            f"| {' | '.join(map(str, cells))} |",
            "",
            *(f"- {line}" for line in self.log),
        ))  # fmt: skip

    def note(self, line: str, out: Path) -> None:
        """Add a line, and replace the file at `out` by the counts of now."""
        self.log.append(line)
        print(line, flush=True)
        scratch = out.with_name(f"{out.name}.part")
        scratch.write_text(self.table() + "\n", encoding="utf-8")
        scratch.replace(out)


class SmallRun(Project):
    """A project of seconds, and its runs as processes that can be killed."""

    def __init__(self, folder: Path, *, is_light: bool = False) -> None:
        super().__init__(folder)
        self.params["report"] |= {"resamples": 20, "thumbnails": False}
        self.save()
        self.targets = LIGHT if is_light else ()

    @property
    def record(self) -> Path:
        """Return where DVC notes what ran."""
        return self.folder / dvc_lock.RECORD

    def start(self) -> subprocess.Popen[bytes]:
        """Start `dejavu resume` in a group of processes of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "dejavu.cli", "resume", *self.targets],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr.txt").open("wb"),
            start_new_session=True,
        )

    def made(self) -> dict[str, object]:
        """Return the hashes of all results of all stages, and the bytes of the report."""
        stages = yaml.safe_load(self.record.read_text())["stages"]
        outs = {
            out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])
        }
        return outs | {name: self.read(name) for name in RESULTS if (self.folder / name).exists()}

    def begin_again(self) -> None:
        """Remove all that a run makes, DVC's cache included."""
        for name in ("data", "reports", "logs", ".work", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.record.unlink(missing_ok=True)
        (self.folder / "data").mkdir()


def ended(
    run: subprocess.Popen[bytes], project: SmallRun, rng: random.Random, longest_s: float
) -> bool:
    """Let a run go on until it ends, or until its moment comes; True if it ended by itself."""
    waits_for_write, seconds = rng.random() < 0.25, rng.uniform(0, longest_s)
    started, before = time.monotonic(), _changed(project.record)
    while time.monotonic() - started < seconds or waits_for_write:
        if run.poll() is not None:
            return True
        if waits_for_write and _changed(project.record) != before:
            time.sleep(rng.uniform(0, WRITE_S))
            break
        time.sleep(0.0005 if waits_for_write else 0.01)
    if run.poll() is not None:
        return True
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return False


def _changed(record: Path) -> int:
    return record.stat().st_mtime_ns if record.exists() else 0


def survive(
    project: SmallRun, expected: dict[str, object], n: int, rng: random.Random, longest_s: float,
    out: Path,
) -> Counts:  # fmt: skip
    """Kill until `n` kills are done and the last run has finished."""
    counts = Counts()
    while counts.kills < n or project.record.exists():
        run, started = project.start(), time.monotonic()
        if counts.kills < n and not ended(run, project, rng, longest_s):
            is_half = dvc_lock.is_broken(project.record)
            counts.kills += 1
            counts.in_writing += is_half
            when = f"kill {counts.kills} after {time.monotonic() - started:.1f} s"
            counts.note(f"{when}: {_state(project, is_half)}", out)
            continue
        if run.wait():
            counts.by_hand += 1
            counts.note(f"by hand: {(project.folder / 'stderr.txt').read_text()[-300:]!r}", out)
            project.record.unlink(missing_ok=True)
            continue
        made = project.made()
        differing = sorted(key for key, value in expected.items() if made.get(key) != value)
        counts.runs += 1
        counts.differing += bool(differing)
        counts.note(f"run {counts.runs} finished: {_compared(differing)}", out)
        project.begin_again()
    return counts


def _compared(differing: list[str]) -> str:
    return f"differs in {differing}" if differing else "all results as without kills"


def _state(project: SmallRun, is_half: bool) -> str:
    if is_half:
        return "half a lock was left"
    return f"{len(dvc_lock.stages(project.record))} stages were recorded"


def left_alone(project: SmallRun, known: Path) -> dict[str, object]:
    """Return what a run makes that nobody kills; what an earlier call noted at `known` is taken over."""
    if known.exists():
        return {
            key: bytes.fromhex(value) if key in RESULTS else value
            for key, value in json.loads(known.read_text()).items()
        }
    started = time.monotonic()
    if project.start().wait():
        sys.exit((project.folder / "stderr.txt").read_text())
    print(f"a run that is left alone: {time.monotonic() - started:.0f} s", flush=True)
    made = project.made()
    as_text = {key: v.hex() if isinstance(v, bytes) else v for key, v in made.items()}
    known.write_text(json.dumps(as_text))
    return made


def main() -> int:
    """Return 1 if a run differs or needed a hand."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--n", type=int, default=50, help="kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--light", action="store_true", help="fewer, lighter stages")
    parser.add_argument(
        "--longest",
        type=float,
        default=LONGEST_S,
        metavar="S",
        help="seconds before a kill, at most",
    )
    parser.add_argument("--keep", type=Path, help="folder for the projects; seeds may share it")
    parser.add_argument("--out", type=Path, default=Path("kills.md"), help="where the table goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        project = SmallRun(Path(tempfile.mkdtemp(dir=folder)) / "run", is_light=options.light)
        known = "left-alone-light.json" if options.light else "left-alone.json"
        expected = left_alone(project, folder / known)
        project.begin_again()
        rng = random.Random(options.seed)
        counts = survive(project, expected, options.n, rng, options.longest, options.out)
    print(counts.table())
    return int(counts.differing + counts.by_hand > 0)


if __name__ == "__main__":
    sys.exit(main())
