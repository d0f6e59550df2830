"""Would a test notice? Change the measurement in one place at a time, and run the tests of that place.

    make mutate                                   a sample of 312 changes
    python -m scripts.mutate --only search        those of the sample that are in dejavu/search
    python -m scripts.mutate --seed 3 --results FILE    another sample; run again, it goes on from FILE

A change is a comparison, sign, constant, `not`, `and` or `or` turned into another (docs/results/mutation.md
lists the kinds). Each is made in a fork of this process, which has everything imported but the project, so
the files on disk stay as they are. A change that no test notices is printed with its line; those that change
nothing that matters stand in scripts/mutations_equivalent.txt, each with its reason.
"""

import argparse
import functools
import hashlib
import importlib.abc
import importlib.machinery
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.mutations import Change, changed, changes

ROOT = Path(__file__).resolve().parents[1]
EQUIVALENT = ROOT / "scripts/mutations_equivalent.txt"
# A change that hangs the tests is noticed. On a busy machine only time of a processor tells, and only a wait
# for what never comes needs the clock.
TIMES_AS_LONG = 10  # as the tests of the place take without a change
SECONDS = 60  # of a processor, on top of that
SECONDS_BY_THE_CLOCK = 3600
WORDS = {
    0: "UNNOTICED",
    1: "noticed",
    2: "noticed",
}  # by exit status of pytest; 2: could not be imported
# What is measured, and the tests that should notice, the quickest first.
PLACES: dict[str, tuple[str, ...]] = {
    "dejavu/statistics/*.py": ("tests/statistics",),
    "dejavu/search/{certainty,knn,similarity,pair_sums,recalls,budget}.py": ("tests/search",),
    "dejavu/image/{voting,score,rectangles,crop,empty_squares,memorized,crossover}.py": (
        "tests/image", "tests/known_answer",
    ),
    "dejavu/image/references/{naive_bayes,consensus,oracle,tag_matrix}.py": (
        "tests/image/references", "tests/known_answer",
    ),
    "dejavu/caption/{hits,object_sets,score,outcomes,memorized,crossover,agreement}.py": (
        "tests/caption", "tests/known_answer",
    ),
    "dejavu/splits/{assign,groups,digests,duplicates,pixel_groups,label_bank}.py": ("tests/splits",),
}  # fmt: skip
WARM = ("numpy", "pyarrow", "duckdb", "scipy.stats", "scipy.sparse", "torch", "faiss", "pytest",
        "hypothesis", "jaxtyping", "beartype", "pydantic", "PIL.Image", "numba", "pandas", "torchvision",
        "sklearn.linear_model", "sklearn.metrics")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a sample of changes and report; 1 where one goes unnoticed that is not listed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=312, help="changes in the sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", default="", help="part of a path: makes those of the sample alone"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--results",
        type=Path,
        help="file that keeps each result, to go on from",
    )
    given = parser.parse_args(arguments)
    known = equivalent()
    all_of_them = everything()
    chosen = [each for each in sample(all_of_them, given.n, given.seed) if given.only in each.path]
    made = [each for each in chosen if each.key not in known]
    print(
        f"{len(chosen)} of {len(all_of_them)} changes, {len(chosen) - len(made)} of them listed as equivalent"
    )
    for name in WARM:
        __import__(name)
    words = {key: word for key, word in _earlier(given.results).items() if word != WORDS[0]}
    for change, word in _run([each for each in made if each.key not in words], given.jobs):
        words[change.key] = word
        if given.results:
            with given.results.open("a", encoding="utf-8") as lines:
                lines.write(f"{word}\t{change.key}\n")
    _print_summary(made, words)
    return int(any(words[each.key] == WORDS[0] for each in made))


def sample(found: Sequence[Change], n: int, seed: int) -> list[Change]:
    """Return `n` of the changes in a drawn order, so that the first of them are a smaller sample.

    A line that is edited moves hardly any other in or out.
    """

    def turn(each: Change) -> bytes:
        return hashlib.sha256(f"{seed} {each.key}".encode()).digest()

    return sorted(found, key=turn)[:n]


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
            key, _, reason = line.rpartition("  # ")  # lines of code may have a comment
            if not key:
                raise SystemExit(f"{EQUIVALENT}: no reason behind {line!r}")
            found[key] = reason
    return found


def _files(pattern: str) -> list[Path]:
    if "{" not in pattern:
        return sorted(ROOT.glob(pattern))
    head, rest = pattern.split("{")
    names, tail = rest.split("}")
    return [ROOT / f"{head}{name}{tail}" for name in names.split(",")]


def _place(path: str) -> tuple[str, ...]:
    return next(tests for pattern, tests in PLACES.items() if ROOT / path in _files(pattern))


def _tests_of(path: str) -> list[list[str]]:
    """Return the tests of a module: those named after it and its own examples, then all of its place."""
    tests = _place(path)
    named = f"test_{Path(path).stem}.py"
    own = [f"{folder}/{named}" for folder in tests if (ROOT / folder / named).is_file()]
    examples = [path] if ">>>" in (ROOT / path).read_text(encoding="utf-8") else []
    return [each for each in ([*own, *examples], list(tests)) if each]


def _earlier(results: Path | None) -> dict[str, str]:
    """Return the word of each change that an earlier run made, by its key."""
    if results is None or not results.is_file():
        return {}
    lines = results.read_text(encoding="utf-8").splitlines()
    return {key: word for word, _, key in (line.partition("\t") for line in lines)}


def _print_summary(made: Sequence[Change], words: dict[str, str]) -> None:
    places: dict[str, list[str]] = {}
    for each in made:
        places.setdefault(str(Path(each.path).parent), []).append(words[each.key])
    places["all"] = [word for of_place in places.values() for word in of_place]
    for place, of_place in places.items():
        n_noticed = sum(word != WORDS[0] for word in of_place)
        share = 100 * n_noticed / max(len(of_place), 1)
        hung = f", {of_place.count('hung')} by a hang"
        print(f"{place}: noticed {n_noticed} of {len(of_place)} ({share:.1f} %){hung}")
    for each in made:
        if words[each.key] == WORDS[0]:
            print(f"unnoticed: {each.key}")


def _run(chosen: Sequence[Change], jobs: int) -> Iterator[tuple[Change, str]]:
    """Yield each change and what became of it: a word of `WORDS`, or ``hung``."""
    waiting = [(each, _tests_of(each.path)) for each in chosen]
    running: dict[int, tuple[Change, list[list[str]], float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        while waiting or running:
            while waiting and len(running) < jobs:
                change, (tests, *more) = waiting.pop(0)
                seconds = int(SECONDS + TIMES_AS_LONG * _seconds_of(_place(change.path)))
                pid = _start(tests, change, seconds, Path(scratch))
                running[pid] = (change, more, time.monotonic())
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                for each, (*_, started) in list(running.items()):
                    if time.monotonic() - started > SECONDS_BY_THE_CLOCK:
                        os.killpg(each, signal.SIGKILL)
                time.sleep(0.05)
                continue
            change, more, started = running.pop(pid)
            word = _word(status)
            if word == WORDS[0] and more:
                waiting.insert(0, (change, more))
                continue
            print(f"{word:9} {time.monotonic() - started:4.0f} s  {change.key}", flush=True)
            yield change, word


def _word(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "hung" if os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL} else "noticed"
    code = os.WEXITSTATUS(status)
    if code not in WORDS:
        raise SystemExit(f"pytest ended with status {code}, which says nothing of the change")
    return WORDS[code]


@functools.cache
def _seconds_of(tests: tuple[str, ...]) -> float:
    """Return what tests take of a processor; without a change they must pass, or all are noticed."""
    with tempfile.TemporaryDirectory() as scratch:
        _, status, used = os.wait4(
            _start(list(tests), None, SECONDS_BY_THE_CLOCK, Path(scratch)), 0
        )
    if status != 0:
        raise SystemExit(f"{' '.join(tests)}: fail, or are none, before anything was changed")
    return used.ru_utime + used.ru_stime


def _start(tests: Sequence[str], change: Change | None, seconds: int, scratch: Path) -> int:
    """Run tests in a fork, with a change made; its exit status is 0 where all of them pass."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    code = 3
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        import pytest

        plugins = [_SlowLast(), *([_Changed(change)] if change else [])]
        _compile_anew(scratch / str(os.getpid()))
        _stop_at_first_example()
        options = ["-x", "-q", "-p", "no:cacheprovider", "--jaxtyping-packages=", "--timeout=0"]
        code = int(pytest.main([*options, *tests], plugins=plugins))
    finally:
        shutil.rmtree(scratch / str(os.getpid()), ignore_errors=True)
        os._exit(code)


def _compile_anew(folder: Path) -> None:
    """Keep compiled code in a folder of its own: in the usual one Numba does not tell constants apart."""
    import numba

    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    numba.config.reload_config()  # type: ignore[no-untyped-call]


def _stop_at_first_example() -> None:
    """Let Hypothesis search, and spare the minute that the smallest example that fails takes."""
    from hypothesis import Phase, settings

    settings.register_profile("first", phases=[Phase.explicit, Phase.generate])
    settings.load_profile("first")  # the tests' own profile starts from it


class _SlowLast:
    """Runs the quick tests of all files first."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, with the change made."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._name = change.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        sys.meta_path.insert(0, self)

    def pytest_sessionstart(self) -> None:
        """Step before pytest, which finds modules that it runs the examples of, as they are on disk."""
        sys.meta_path.remove(self)
        sys.meta_path.insert(0, self)

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
