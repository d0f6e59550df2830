"""docs/results/validity.md: what the simulated audits of `benchmarks.validity` came to."""

import csv
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from dejavu.statistics.intervals import wilson
from scripts.page_blocks import fill

LEAST, MOST = 0.93, 0.97  # coverage of an interval that says 95 %


def line(
    columns: Sequence[str], key: Sequence[str], name: str, values: np.ndarray
) -> list[str | int]:
    """Return a line of a table: keys, then counts, then means over the worlds."""
    if "lane" in columns:
        worlds, given, covered, below, above, width = values
        return [
            key[0], name, key[1], int(worlds), int(given), int(covered), int(below), int(above),
            f"{width / max(given, 1):.5f}",
        ]  # fmt: skip
    worlds, memorizes, at_most, too_few, wrong, listed, false, found = values
    whole = [int(each) for each in (worlds, memorizes, at_most, too_few, wrong, listed)]
    return [key[0], key[1], *whole, f"{false / worlds:.5f}", f"{found / worlds:.5f}"]


def write(folder: Path, page: Path) -> None:
    """Put both tables, and what they were made with, into the blocks of the page."""
    rows = {name: _rows(folder / f"{name}.csv") for name in ("coverage", "decisions")}
    fill(
        page,
        {
            "coverage": lambda: coverage_table(rows["coverage"]),
            "decisions": lambda: decision_table(rows["decisions"]),
            "machine": lambda: [
                f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}."
            ],
        },
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def coverage_table(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield a table of one line per statistic and one column per n."""
    cells: dict[tuple[str, str], dict[int, str]] = {}
    for each in rows:
        cells.setdefault((each["lane"], each["statistic"]), {})[int(each["n"])] = cell(each)
    sizes = sorted({n for found in cells.values() for n in found})
    yield "| lane | statistic | " + " | ".join(f"n = {n:,}" for n in sizes) + " |"
    yield "| --- | --- |" + " ---: |" * len(sizes)
    for (lane, name), found in sorted(cells.items(), key=lambda item: item[0][0], reverse=True):
        yield f"| {lane} | {name} | " + " | ".join(found.get(n, "") for n in sizes) + " |"


def cell(row: Mapping[str, str]) -> str:
    """Return the coverage as it is shown; bold where it is surely outside the goal."""
    worlds, given, covered = (int(row[name]) for name in ("worlds", "given", "covered"))
    if given == 0:
        return "–"
    low, high = wilson(covered, given)
    shown = f"{100 * covered / given:.1f}"
    shown = f"**{shown}**" if high < LEAST or low > MOST else shown
    return shown if given == worlds else f"{shown} / {100 * given / worlds:.0f} %"


def decision_table(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield a table of one line per n and share."""
    yield (
        "| n | memorized | memorizes | at most 5 points or less | too few | bound below the truth | "
        "lists with an entry | false entries, mean | memorized samples listed |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for each in rows:
        worlds = int(each["worlds"])
        counts = (
            f"{100 * int(each[name]) / worlds:.1f} %"
            for name in ("memorizes", "at_most", "too_few", "wrong_bound", "listed")
        )
        means = (
            f"{100 * float(each[name]):.1f} %" for name in ("false_listed", "found_of_memorized")
        )
        yield (
            f"| {int(each['n']):,} | {100 * float(each['share']):.0f} % | "
            + " | ".join([*counts, *means])
            + " |"
        )
