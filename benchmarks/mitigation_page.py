"""Write the tables of docs/results/mitigations.md, between its marks, and draw its figure.

    python -m benchmarks.mitigation_page

reads docs/results/mitigations.csv, as `benchmarks.mitigations` fills it.
"""

import csv
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from scipy import stats

from benchmarks.mitigation_settings import SETTINGS

TABLE = Path("docs/results/mitigations.csv")
PAGE = TABLE.with_suffix(".md")
FIGURE = Path("docs/figures/mitigations.png")
BASE = "base"
_ORDER = {(each.lane, each.name): row for row, each in enumerate(SETTINGS)}
_MARKED = re.compile(r"(<!-- table: (\w+) (\w*) ?-->\n).*?(<!-- /table -->)", re.DOTALL)
_PANELS = {"images": ("image", "projector"), "captions": ("caption", "")}
_UTILITY = {"image": "k-NN accuracy, %", "caption": "recall at 10, %"}


@dataclasses.dataclass(frozen=True, slots=True)
class Numbers:
    """One number of a setting, by seed."""

    by_seed: Mapping[str, float]

    def minus(self, base: "Numbers") -> "Numbers":
        """Return differences within the same seed."""
        seeds = [seed for seed in self.by_seed if seed in base.by_seed]
        return Numbers({seed: self.by_seed[seed] - base.by_seed[seed] for seed in seeds})

    @property
    def mean(self) -> float:
        """Return the mean over seeds."""
        return float(np.mean(list(self.by_seed.values())))

    @property
    def half_width(self) -> float | None:
        """Return the half width of Student's 95 % interval; None where there are not three seeds."""
        values = list(self.by_seed.values())
        if len(values) < 3:
            return None
        return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))

    def with_range(self, sign: str = "") -> str:
        """Return the mean and, in brackets, the smallest and the largest."""
        low, high = min(self.by_seed.values()), max(self.by_seed.values())
        return _plain(f"{self.mean:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]")

    def with_half_width(self) -> str:
        """Return the mean and the half width; bold where that is smaller."""
        width = self.half_width
        text = _plain(f"{self.mean:+.1f}" + ("" if width is None else f" ± {width:.1f}"))
        return f"**{text}**" if width is not None and width < abs(self.mean) else text


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of the table."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def settings_of(rows: Iterable[Mapping[str, str]], lane: str) -> list[str]:
    """Return the settings of a lane that were measured, in order."""
    found = {row["setting"] for row in rows if row["lane"] == lane}
    return sorted(found, key=lambda name: _ORDER[lane, name])


def numbers(
    rows: Iterable[Mapping[str, str]], part: tuple[str, str], setting: str, column: str
) -> Numbers:
    """Return a column of a setting and layer, by seed."""
    wanted = (*part, setting)
    scale = 1 if column in ("excess", "planted_gap", "other_gap", "planted_auroc") else 100
    return Numbers(
        {
            row["seed"]: scale * float(row[column])
            for row in rows
            if (row["lane"], row["layer"], row["setting"]) == wanted and row[column]
        }
    )


def table(rows: Sequence[Mapping[str, str]], lane: str, layer: str) -> Iterator[str]:
    """Yield excess and utility of every setting, and what they are beside the base."""
    yield f"| setting | seeds | excess, points | minus base | {_UTILITY[lane]} | minus base |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    base = [numbers(rows, (lane, layer), BASE, column) for column in ("excess", "utility")]
    for name, part, setting in _lines(rows, lane, layer):
        found = [numbers(rows, part, setting, column) for column in ("excess", "utility")]
        beside = [
            "" if name == BASE else each.minus(before).with_half_width()
            for each, before in zip(found, base, strict=True)
        ]
        yield (
            f"| {name} | {len(found[0].by_seed)} | {found[0].with_range('+')} | {beside[0]} | "
            f"{found[1].with_range()} | {beside[1]} |"
        )


def _lines(
    rows: Sequence[Mapping[str, str]], lane: str, layer: str
) -> Iterator[tuple[str, tuple[str, str], str]]:
    """Yield the name of each line, and whose numbers it holds: removing the projector needs no training."""
    for setting in settings_of(rows, lane):
        yield setting, (lane, layer), setting
        if setting == BASE and layer == "projector":
            yield "projector removed", (lane, "backbone"), BASE


def planted(rows: Sequence[Mapping[str, str]], lane: str, layer: str) -> Iterator[str]:
    """Yield how planted samples stand out, and what is left of the others."""
    yield "| setting | planted: target minus control | others | AUROC of planted samples |"
    yield "| --- | ---: | ---: | ---: |"
    for setting in settings_of(rows, lane):
        found = [
            numbers(rows, (lane, layer), setting, column)
            for column in ("planted_gap", "other_gap", "planted_auroc")
        ]
        low, high = min(found[2].by_seed.values()), max(found[2].by_seed.values())
        yield (
            f"| {setting} | {found[0].with_range('+')} | {found[1].with_range('+')} | "
            f"{found[2].mean:.2f} [{low:.2f}, {high:.2f}] |"
        )


def written(text: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Return a page with the tables between its marks made anew."""

    def made(match: re.Match[str]) -> str:
        kind, layer = match[2], match[3]
        lines = planted(rows, "image", layer) if kind == "planted" else table(rows, kind, layer)
        return f"{match[1]}{chr(10).join(lines)}\n{match[4]}"

    return _MARKED.sub(made, text)


def draw(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Draw excess against utility: a point per setting, the mean of its seeds."""
    mpl.rcParams.update({"font.size": 8, "svg.hashsalt": "dejavu"})
    figure, panels = plt.subplots(1, len(_PANELS), figsize=(9, 3.8), layout="constrained")
    for axes, (title, (lane, layer)) in zip(panels, _PANELS.items(), strict=True):
        places = {
            name: [numbers(rows, part, setting, column).mean for column in ("utility", "excess")]
            for name, part, setting in _lines(rows, lane, layer)
        }
        middle = np.mean([pick(x for x, _ in places.values()) for pick in (min, max)])
        for name in places:
            (x, y), color = places[name], "#111111" if name == BASE else "#1f5fbf"
            axes.plot(x, y, "s" if name == BASE else "o", color=color, markersize=4)
            is_above = y >= _nearest_height(name, places)
            axes.annotate(  # inwards, and away from the nearest other point
                name, (x, y), xytext=(4 if x < middle else -4, 3 if is_above else -9),
                textcoords="offset points", color=color, fontsize=7,
                ha="left" if x < middle else "right",
            )  # fmt: skip
        axes.axhline(0, color="#b0b0b0", linewidth=0.8)
        axes.margins(x=0.1, y=0.12)
        axes.set(title=title, xlabel=_UTILITY[lane], ylabel="adjusted excess, points")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def _nearest_height(name: str, places: Mapping[str, tuple[float, float]]) -> float:
    """Return how high the point lies that is nearest to one; both axes as long as they are drawn."""
    points = np.array(list(places.values()))
    scaled = points / np.ptp(points, axis=0)
    others = [row for row, other in enumerate(places) if other != name]
    mine = scaled[list(places).index(name)]
    return float(points[min(others, key=lambda row: float(np.linalg.norm(scaled[row] - mine)))][1])


def _plain(text: str) -> str:
    return text.replace("-", "−")


def main() -> None:
    """Write the tables and the figure."""
    rows = read(TABLE)
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    draw(rows, FIGURE)


if __name__ == "__main__":
    main()
