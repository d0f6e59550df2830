"""How far does a draw of roles move the answer? Excesses of finished runs, their control dealt anew.

    python -m benchmarks.draws_of_roles docs/results/tiny-imagenet-draws.csv PAGE RUN [RUN ...]

Each RUN is the folder of a finished run (params.yaml, data/). A model that saw the target role keeps its
target samples; control is dealt to parts about as large as target, each of which answers alone. A model that
saw target and control alike remembers neither more: their samples are dealt to both roles again and again.
"""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dejavu.image.targets import Target
from dejavu.report import from_params
from dejavu.report.image import attacked as arrays
from dejavu.report.image.adjusted import RIDGE
from dejavu.statistics.adjusted import Difference, Side, adjusted
from dejavu.tables import catalog
from scripts.page_blocks import fill

_VIEWS = ("predictions", "splits")
_DEALS = 20  # of all samples of a model that saw both roles
_SEED = 7


class Draw(NamedTuple):
    """One answer; excess and its interval in percentage points."""

    run: int
    target: str
    what: str  # all of control, control in parts, or both roles anew
    draw: int
    n_target: int
    n_control: int
    excess: float
    low: float
    high: float


def of_run(number: int, folder: Path) -> Iterator[Draw]:
    """Yield the answers of a run: with all of control, and with what was dealt."""
    settings = from_params.read(folder / "params.yaml").image
    heads = [target for target in settings.targets if target.is_headline]
    with catalog.connect(folder / "data", only=_VIEWS, sandboxed=False) as opened:
        rows = opened.table("SELECT DISTINCT predictor FROM predictions WHERE lane = 'image'")
        names = sorted(rows["predictor"].to_pylist())
        chosen = arrays.chosen(settings.report.covariates, names)
        references = {name: arrays.read(opened, name) for name in chosen}
        for target in heads:
            yield from _of_target(number, target, arrays.read(opened, target.name), references)


def _of_target(
    number: int,
    target: Target,
    found: arrays.Attacked,
    references: Mapping[str, arrays.Attacked],
) -> Iterator[Draw]:
    x = arrays.covariates_of(found, references).x
    groups, row = np.unique(found.group, return_inverse=True)
    is_target = np.bincount(row[found.is_target], minlength=len(groups)) > 0

    def answer(what: str, draw: int, side_of: np.ndarray) -> Draw:
        """Estimate with groups on the side of target (1), of control (0), or left out (-1)."""
        sides = [
            Side(y=found.is_correct[chosen], x=x[chosen], group=found.group[chosen])
            for chosen in (side_of[row] == 1, side_of[row] == 0)
        ]
        estimate = adjusted(*sides, ridge=RIDGE, seed=draw, purpose="benchmarks.draws_of_roles")
        assert estimate is not None
        return _draw(number, target.name, what, draw, estimate)

    yield answer("all of control", 0, is_target.astype(int))
    rng = np.random.default_rng(_SEED)
    n = int(is_target.sum())
    if target.is_negative_control:
        for draw in range(_DEALS):
            dealt = rng.permutation(len(groups))
            side_of = np.full(len(groups), -1)
            side_of[dealt[:n]], side_of[dealt[n : 2 * n]] = 1, 0
            yield answer("both roles anew", draw, side_of)
        return
    free = rng.permutation(np.flatnonzero(~is_target))
    n_parts = round(len(free) / n)
    for draw, part in enumerate(np.array_split(free, max(n_parts, 1)) if n_parts > 1 else ()):
        side_of = np.where(is_target, 1, -1)
        side_of[part] = 0
        yield answer("control in parts", draw, side_of)


def _draw(number: int, target: str, what: str, draw: int, found: Difference) -> Draw:
    numbers = (round(100 * each, 3) for each in (found.value, *found.interval()))
    return Draw(number, target, what, draw, found.n_target, found.n_control, *numbers)


def lines(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield the table of the page: how the answers of one run scatter over the draws."""
    yield (
        "| run | model | with all of control | dealt | draws | smallest to largest | deviation | "
        "half width of one | intervals above 0 |"
    )
    yield "| ---: | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |"
    found: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        found.setdefault((row["run"], row["target"]), []).append(row)
    for (run, target), (whole, *draws) in found.items():
        if not draws:
            continue
        excess, low, high = (
            np.array([float(each[name]) for each in draws]) for name in ("excess", "low", "high")
        )
        all_of_it = f"{float(whole['excess']):+.1f} [{float(whole['low']):+.1f}, {float(whole['high']):+.1f}]"
        yield (
            f"| {run} | `{target}` | {all_of_it} | {draws[0]['what']} | {len(draws)} | "
            f"{excess.min():+.1f} to {excess.max():+.1f} | {excess.std(ddof=1):.1f} | "
            f"{np.mean(high - low) / 2:.1f} | {int((low > 0).sum())} |"
        )


def main(out: Path, page: Path, runs: Sequence[Path]) -> None:
    """Write the rows and the block of the page."""
    rows = [each for number, run in enumerate(runs) for each in of_run(number, run)]
    with out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Draw._fields)
        writer.writerows(rows)
    with out.open(newline="", encoding="utf-8") as stream:
        table = list(lines(csv.DictReader(stream)))
    fill(page, {"draws": lambda: table})


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:3]), [Path(each) for each in sys.argv[3:]])
