"""Are the intervals what they say? Coverage of every reported statistic, error rates, power.

    python -m benchmarks.validity [--worlds 2000] [--workers 2] [--out docs/results/validity]

Simulated audits whose truth is known: 2,000 of each size for the coverage of every interval that the
report gives, and for how often a verdict is wrong, a list holds false entries, and memorization is found.
A cell that `FOLDER/coverage.csv` or `decisions.csv` holds is not computed again: a run that was stopped
goes on, and deleting a line computes it anew. Writes `validity.md` beside the folder.
"""

import argparse
import concurrent.futures
import csv
import functools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks import validity_caption, validity_decisions, validity_image, validity_page

SIZES = (50, 200, 500, 5000)  # attacked samples in each role
LANES: dict[str, ModuleType] = {"image": validity_image, "caption": validity_caption}
CHUNK = 50  # worlds that a worker draws at once
COVERAGE = ("lane", "statistic", "n", "worlds", "given", "covered", "below", "above", "width")
DECISIONS = (
    "share", "n", "worlds", "memorizes", "at_most", "too_few", "wrong_bound", "listed", "false_listed",
    "found_of_memorized",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2_000, help="per cell")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("docs/results/validity"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ProcessPoolExecutor(given.workers) as pool:
        _fill(given.out / "coverage.csv", COVERAGE, _coverage_cells(), given.worlds, pool)
        _fill(given.out / "decisions.csv", DECISIONS, _decision_cells(), given.worlds, pool)
    validity_page.write(given.out, given.out.with_suffix(".md"))


Cell = tuple[tuple[str, ...], Callable[[int, int], list[list[float | str]]]]


def _coverage_cells() -> Iterable[Cell]:
    """Yield each cell's key and what computes worlds from `first` on: one line per world and statistic."""
    for n in SIZES:
        for lane in LANES:
            yield (lane, str(n)), functools.partial(_cover, lane, n)


def _decision_cells() -> Iterable[Cell]:
    for n in SIZES:
        for share in validity_decisions.SHARES:
            yield (str(share), str(n)), functools.partial(validity_decisions.decide, share, n)


def _cover(lane: str, n: int, first: int, count: int) -> list[list[float | str]]:
    """Return, by statistic: worlds, intervals given, covering, below and above the truth, sum of widths."""
    module = LANES[lane]
    known = module.truths()
    found: dict[str, np.ndarray] = {}
    for world in range(first, first + count):
        rng = np.random.default_rng([7, n, world])
        for name, interval in module.shown(rng, n, world):
            row = found.setdefault(name, np.zeros(6))
            row[0] += 1
            if interval is None:
                continue
            truth = known[name] if interval.truth is None else interval.truth
            row[1:] += (
                1, interval.low <= truth <= interval.high, interval.high < truth,
                interval.low > truth, interval.high - interval.low,
            )  # fmt: skip
    return [[name, *row] for name, row in found.items()]


def _fill(
    path: Path,
    columns: tuple[str, ...],
    cells: Iterable[Cell],
    worlds: int,
    pool: concurrent.futures.Executor,
) -> None:
    """Append the cells that the file lacks."""
    known = set()
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as stream:
            for each in csv.DictReader(stream):
                if int(each["worlds"]) >= worlds:
                    known.add((each.get("lane") or each["share"], each["n"]))
    else:
        path.write_text(",".join(columns) + "\n", encoding="utf-8")
    for key, compute in cells:
        if key in known:
            continue
        start = time.perf_counter()
        parts = [
            pool.submit(compute, first, min(CHUNK, worlds - first))
            for first in range(0, worlds, CHUNK)
        ]
        rows = _summed([row for part in parts for row in part.result()])
        with path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(
                validity_page.line(columns, key, name, values) for name, values in rows.items()
            )
        print(f"{path.stem} {' '.join(key)}: {time.perf_counter() - start:.0f} s", flush=True)


def _summed(rows: Iterable[Sequence[float | str]]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, *values in rows:
        found[str(name)] = found.get(str(name), 0) + np.array(values, dtype=np.float64)
    return found


if __name__ == "__main__":
    main()
