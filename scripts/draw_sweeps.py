"""Draw how the score moves with one parameter at a time.

    python -m scripts.draw_sweeps docs/results/sweeps docs/figures/sweeps.png docs/results/sweeps.md

reads the tables of `scripts.compare_experiments`: epochs.csv, set_size.csv and crop_scale.csv in that folder,
draws the figure and fills the page's tables.
"""

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from scripts.compare_experiments import TWO_MODELS
from scripts.page_blocks import fill

N_LABELS = 20  # of presets/sweep.yaml, whose parameter is images per label
SWEEPS: dict[str, tuple[str, Callable[[float], float]]] = {
    "epochs": ("training epochs", float),
    "set_size": ("training images", lambda per_label: N_LABELS * per_label),
    "crop_scale": ("smallest share of a training view", float),
}
ONE_MODEL = "classifier"
LINES = (  # target, reference, column, label, color, marker
    ("vicreg", TWO_MODELS, "crossover", "crossover: two trainings", "#111111", "s"),
    ("vicreg", ONE_MODEL, "plain", "one model, plain", "#b0b0b0", "v"),
    ("vicreg", ONE_MODEL, "adjusted", "adjusted excess: one training", "#1f5fbf", "o"),
    ("vicreg_backbone", ONE_MODEL, "adjusted", "the same of the backbone", "#e07b00", "D"),
)
EPOCHS = 125  # of presets/sweep.yaml
_RATIOS = (0.03, 0.06, 0.12, 0.25, 0.5)
Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    """Return the rows of a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def draw_sweep(axes: Axes, rows: Rows, label: str, x_of: Callable[[float], float]) -> None:
    """Draw the scores against the swept value, with 95 % intervals."""
    for target, reference, column, name, color, marker in LINES:
        chosen = [row for row in rows if (row["target"], row["reference"]) == (target, reference)]
        chosen.sort(key=lambda row: float(row["value"]))
        _line(
            axes, [x_of(float(row["value"])) for row in chosen], chosen, column, name, color, marker
        )
    axes.set_xscale("log")
    ticks = sorted({x_of(float(row["value"])) for row in rows})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(label)


def draw_law(axes: Axes, epochs: Rows, sizes: Rows) -> None:
    """Draw the excess against epochs per training image: do both ways to raise it lie on one line?"""
    places: tuple[tuple[Rows, str, str, Callable[[dict[str, str]], float]], ...] = (
        (epochs, "epochs changed", "o", lambda row: float(row["value"]) / int(row["n_target"])),
        (sizes, "images changed", "^", lambda row: EPOCHS / int(row["n_target"])),
    )
    for rows, name, marker, per_image in places:
        for target, reference, column, _, color, _ in (LINES[0], LINES[2]):
            chosen = [r for r in rows if (r["target"], r["reference"]) == (target, reference)]
            chosen.sort(key=per_image)
            x = [per_image(row) for row in chosen]
            _line(axes, x, chosen, column, f"{column}, {name}", color, marker)
    axes.set_xscale("log")
    axes.set_xticks(_RATIOS, [str(ratio) for ratio in _RATIOS])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("epochs per training image")


def _line(
    axes: Axes, x: list[float], rows: Rows, column: str, label: str, color: str, marker: str
) -> None:
    value, low, high = (
        [100 * float(row[f"{column}{end}"]) for row in rows] for end in ("", "_low", "_high")
    )
    axes.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
    axes.plot(x, value, color=color, marker=marker, markersize=4, linewidth=1.2, label=label)


def table(folder: Path) -> Iterator[str]:
    """Yield every run at the projector, and the adjusted excess of its backbone, in points."""
    yield (
        "| sweep | value | n: target, control | two models, plain | crossover | one model, plain | "
        "**adjusted** | adjusted − crossover | backbone: adjusted |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, (label, x_of) in SWEEPS.items():
        found = {
            (float(row["value"]), row["target"], row["reference"]): row
            for row in read(folder / f"{name}.csv")
        }
        for value in sorted({key[0] for key in found}):
            one, two, backbone = (
                found[value, target, reference]
                for target, reference in (
                    ("vicreg", ONE_MODEL), ("vicreg", TWO_MODELS), ("vicreg_backbone", ONE_MODEL),
                )
            )  # fmt: skip
            apart = 100 * (float(one["adjusted"]) - float(one["crossover"]))
            cells = (
                label, f"{x_of(value):,g}", f"{one['n_target']}, {one['n_control']}", _said(two, "plain"),
                _said(one, "crossover"), _said(one, "plain"), f"**{_said(one, 'adjusted')}**",
                f"{apart:+.1f}", _said(backbone, "adjusted"),
            )  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def law(folder: Path) -> Iterator[str]:
    """Yield the runs of both sweeps by epochs per training image: are equal ratios equal excesses?"""
    yield "| epochs per image | epochs | images | crossover | adjusted |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    runs = {}
    for name in ("epochs", "set_size"):
        for row in read(folder / f"{name}.csv"):
            if (row["target"], row["reference"]) == ("vicreg", ONE_MODEL):
                epochs = float(row["value"]) if name == "epochs" else EPOCHS
                runs[epochs, int(row["n_target"])] = row
    for (epochs, n), row in sorted(runs.items(), key=lambda each: each[0][0] / each[0][1]):
        said = f"{_said(row, 'crossover')} | {_said(row, 'adjusted')}"
        yield f"| {epochs / n:.3f} | {epochs:g} | {n:,} | {said} |"


def _said(row: dict[str, str], column: str) -> str:
    value, low, high = (100 * float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def main(folder: Path, out: Path, page: Path) -> None:
    """Write the figure and the tables."""
    mpl.use("Agg")
    figure, panels = plt.subplots(2, 2, figsize=(10.5, 7.2), dpi=110, sharey=True)
    for axes, (name, (label, x_of)) in zip(panels.flat, SWEEPS.items(), strict=False):
        draw_sweep(axes, read(folder / f"{name}.csv"), label, x_of)
    draw_law(panels[1][1], *(read(folder / f"{name}.csv") for name in ("epochs", "set_size")))
    for axes in panels.flat:
        axes.axhline(0, color="black", linewidth=0.4, zorder=0)
        axes.set_ylabel("percentage points")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in (panels[0][0], panels[1][1]):
        axes.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(out)
    fill(page, {"sweeps": lambda: table(folder), "law": lambda: law(folder)})


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
