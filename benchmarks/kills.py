"""Kill a small run at random moments, go on, and compare what it made with a run that was left alone.

    python -m benchmarks.kills --n 50 --seed 0     half an hour on two cores

Every kill is SIGKILL to DVC and all that it started. Three of four come after a random number of seconds,
one while DVC writes dvc.lock. After each, `dejavu resume` goes on, as README says; a project that needs more
is counted as "by hand", loses its dvc.lock, and goes on. A finished run is compared with the one that was
left alone, stage by stage as DVC recorded them, and a new one begins. With --keep FOLDER the project stays,
and a second call with the same folder and code does not make the run that is left alone again.
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
WRITE_S = 0.01  # how long after its first change dvc.lock is surely being written
RESULTS = ("reports/results.json", "reports/summary.md")


@dataclasses.dataclass(slots=True)
class Counts:
    """What became of the kills."""

    kills: int = 0
    in_writing: int = 0  # of them while dvc.lock was written
    runs: int = 0  # that finished after kills
    differing: int = 0  # of them
    by_hand: int = 0
    slowest_s: float = 0.0


class SmallRun(Project):
    """A project of seconds, and its runs as processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.params["report"] |= {"resamples": 20, "thumbnails": False}
        self.save()

    @property
    def record(self) -> Path:
        """Return where DVC notes what ran."""
        return self.folder / dvc_lock.RECORD

    def start(self) -> subprocess.Popen[bytes]:
        """Start `dejavu resume` in a group of processes of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "dejavu.cli", "resume"],
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
        return outs | {name: self.read(name) for name in RESULTS}

    def begin_again(self) -> None:
        """Remove all that a run makes, DVC's cache included."""
        for name in ("data", "reports", "logs", ".work", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.record.unlink(missing_ok=True)
        (self.folder / "data").mkdir()


def ended(run: subprocess.Popen[bytes], project: SmallRun, rng: random.Random) -> bool:
    """Let a run go on until it ends, or until its moment comes; True if it ended by itself."""
    waits_for_write, seconds = rng.random() < 0.25, rng.uniform(0, LONGEST_S)
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


def survive(project: SmallRun, expected: dict[str, object], n: int, seed: int) -> Counts:
    """Kill until `n` kills are done and the last run has finished."""
    rng, counts = random.Random(seed), Counts()
    started = time.monotonic()
    while counts.kills < n or project.record.exists():
        if counts.kills < n:
            run = project.start()
            if not ended(run, project, rng):
                counts.kills += 1
                print(counts, flush=True)
                counts.in_writing += dvc_lock.is_broken(project.record)
                continue
        else:
            run = project.start()
            run.wait()
        if run.returncode:
            counts.by_hand += 1
            _by_hand(project)
            continue
        counts.runs += 1
        counts.slowest_s = max(counts.slowest_s, time.monotonic() - started)
        if differing := {k for k, v in expected.items() if project.made().get(k) != v}:
            counts.differing += 1
            print(f"differs: {sorted(differing)}", file=sys.stderr)
        project.begin_again()
        started = time.monotonic()
        print(counts, flush=True)
    return counts


def _by_hand(project: SmallRun) -> None:
    print((project.folder / "stderr.txt").read_text()[-500:], file=sys.stderr)
    project.record.unlink(missing_ok=True)


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
    parser.add_argument(
        "--keep", type=Path, help="folder for the projects; several seeds may share it"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        project = SmallRun(Path(tempfile.mkdtemp(dir=folder)) / "run")
        expected = left_alone(project, folder / "left-alone.json")
        project.begin_again()
        counts = survive(project, expected, options.n, options.seed)
    print("| kills | while dvc.lock was written | runs finished | differing | by hand |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    print(
        f"| {counts.kills} | {counts.in_writing} | {counts.runs} | {counts.differing} | {counts.by_hand} |"
    )
    return int(counts.differing + counts.by_hand > 0)


if __name__ == "__main__":
    sys.exit(main())
