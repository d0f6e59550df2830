"""Would a test notice? Change the measurement in one place at a time, and run the tests of that place.

    make mutate                                   a sample of 312 changes
    python -m scripts.mutate --n 40 --only search --seed 3

A change is a comparison, sign, constant, `not`, `and` or `or` turned into another (docs/results/mutation.md
lists the kinds). Each is made in a fork of this process, which has everything imported but the project, so
the files on disk stay as they are. A change that no test notices is printed with its line; those that change
nothing that matters stand in scripts/mutations_equivalent.txt, each with its reason.
"""

import argparse
import importlib.abc
import importlib.machinery
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from scripts.mutations import Change, changed, changes

ROOT = Path(__file__).resolve().parents[1]
EQUIVALENT = ROOT / "scripts/mutations_equivalent.txt"
SECONDS = 240  # a change that hangs the tests is noticed
# What is measured, and the tests that should notice, the quickest first.
PLACES: dict[str, tuple[str, ...]] = {
    "dejavu/statistics/*.py": ("tests/statistics",),
    "dejavu/search/{certainty,knn,similarity,recalls,budget}.py": ("tests/search",),
    "dejavu/image/{voting,score,rectangles,crop,empty_squares,memorized,crossover}.py": (
        "tests/image", "tests/known_answer",
    ),
    "dejavu/image/references/{naive_bayes,consensus,oracle,tag_matrix}.py": (
        "tests/image/references", "tests/known_answer",
    ),
    "dejavu/caption/{hits,object_sets,score,outcomes,memorized,crossover,agreement}.py": (
        "tests/caption", "tests/known_answer",
    ),
    "dejavu/splits/{assign,duplicates,pixel_groups,label_bank}.py": ("tests/splits",),
}  # fmt: skip
WARM = ("numpy", "pyarrow", "duckdb", "scipy.stats", "scipy.sparse", "torch", "faiss", "pytest",
        "hypothesis", "jaxtyping", "beartype", "pydantic", "PIL.Image", "numba")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a sample of changes and report; 1 where one goes unnoticed that is not listed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=312, help="changes to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of a path")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    known = equivalent()
    found = [each for each in everything() if given.only in each.path and each.key not in known]
    chosen = random.Random(given.seed).sample(found, min(given.n, len(found)))
    print(f"{len(chosen)} of {len(found)} changes; {len(known)} more are listed as equivalent")
    for name in WARM:
        __import__(name)
    survivors = _run(chosen, given.jobs)
    noticed = len(chosen) - len(survivors)
    print(f"noticed: {noticed} of {len(chosen)} ({100 * noticed / max(len(chosen), 1):.1f} %)")
    for each in survivors:
        print(f"unnoticed: {each.key}")
    return int(bool(survivors))


def everything() -> list[Change]:
    """Return every change of every place, in the order of files and lines."""
    return [
        change
        for pattern in PLACES
        for path in _files(pattern)
        for change in changes(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]


def equivalent() -> dict[str, str]:
    """Return the changes that change nothing that matters, with the reason of each."""
    found = {}
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, _, reason = line.partition("  # ")
            if not reason:
                raise SystemExit(f"{EQUIVALENT}: no reason behind {key!r}")
            found[key] = reason
    return found


def _files(pattern: str) -> list[Path]:
    if "{" not in pattern:
        return sorted(ROOT.glob(pattern))
    head, rest = pattern.split("{")
    names, tail = rest.split("}")
    return [ROOT / f"{head}{name}{tail}" for name in names.split(",")]


def _tests_of(path: str) -> list[str]:
    """Return the tests of a module, those that are named after it first."""
    tests = next(tests for pattern, tests in PLACES.items() if ROOT / path in _files(pattern))
    named = f"test_{Path(path).stem}.py"
    own = [f"{folder}/{named}" for folder in tests if (ROOT / folder / named).is_file()]
    return [*own, *tests]


def _run(chosen: Sequence[Change], jobs: int) -> list[Change]:
    """Return the changes that no test noticed."""
    waiting, survivors = list(chosen), list[Change]()
    running: dict[int, tuple[Change, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            change = waiting.pop(0)
            running[_start(change)] = (change, time.monotonic())
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            for each, (_, started) in list(running.items()):
                if time.monotonic() - started > SECONDS:
                    os.killpg(each, signal.SIGKILL)
            time.sleep(0.05)
            continue
        change, started = running.pop(pid)
        is_noticed = status != 0
        if not is_noticed:
            survivors.append(change)
        word = "noticed" if is_noticed else "UNNOTICED"
        print(f"{word:9} {time.monotonic() - started:4.0f} s  {change.key}", flush=True)
    return survivors


def _start(change: Change) -> int:
    """Run the tests of a change in a fork; its exit status is 0 where all of them pass."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    code = 1
    try:
        import pytest

        sys.meta_path.insert(0, _Changed(change))
        code = int(
            pytest.main(
                ["-x", "-q", "-p", "no:cacheprovider", "--jaxtyping-packages=", "-o",
                 f"timeout={SECONDS}", *_tests_of(change.path)]
            )
        )  # fmt: skip
    finally:
        os._exit(code)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, with the change made."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._name = change.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def find_spec(
        self, fullname: str, _path: object = None, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(ROOT / self._change.path))

    def exec_module(self, module: ModuleType) -> None:
        path = ROOT / self._change.path
        module.__file__ = str(path)
        source = path.read_text(encoding="utf-8")
        exec(compile(changed(source, self._change), str(path), "exec"), module.__dict__)


if __name__ == "__main__":
    sys.exit(main())
