"""Draw how the score moves with one parameter at a time.

    python -m scripts.draw_sweeps docs/results/sweeps docs/figures/sweeps.png

reads the tables of `scripts.compare_experiments`: epochs.csv, set_size.csv and crop_scale.csv in that folder.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from scripts.compare_experiments import TWO_MODELS

N_LABELS = 20  # of presets/sweep.yaml, whose parameter is images per label
SWEEPS: dict[str, tuple[str, Callable[[float], float]]] = {
    "epochs": ("training epochs", float),
    "set_size": ("training images", lambda per_label: N_LABELS * per_label),
    "crop_scale": ("smallest share of a training view", float),
}
ONE_MODEL = "classifier"
LINES = (  # target, reference, column, label, color, marker
    ("vicreg", TWO_MODELS, "plain", "two models (projector)", "#111111", "s"),
    ("vicreg", ONE_MODEL, "plain", "classifier, plain", "#b0b0b0", "v"),
    ("vicreg", ONE_MODEL, "excess", "classifier, excess", "#1f5fbf", "o"),
    ("vicreg_backbone", ONE_MODEL, "excess", "backbone: classifier, excess", "#e07b00", "D"),
)
TOP_K = (1, 2, 5, 20)
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


def draw_top_k(axes: Axes, rows: Rows) -> None:
    """Draw Naive Bayes against its number of tags, for the run of most epochs."""
    last = max(float(row["value"]) for row in rows)
    by_reference = {
        row["reference"]: row
        for row in rows
        if row["target"] == "vicreg" and float(row["value"]) == last
    }
    chosen = [by_reference[f"naive_bayes@{k}"] for k in TOP_K]
    places = [float(place) for place in range(len(TOP_K))]
    _line(axes, places, chosen, "plain", "naive_bayes@K, plain", "#b0b0b0", "v")
    _line(axes, places, chosen, "control", "on control = bias", "#c03030", "x")
    _line(axes, places, chosen, "excess", "excess", "#1f5fbf", "o")
    two_models = 100 * float(by_reference[TWO_MODELS]["plain"])
    axes.axhline(two_models, color="#111111", linewidth=1, linestyle="--", label="two models")
    axes.set_xticks(places, [str(k) for k in TOP_K])
    axes.set_xlabel(f"tags K of Naive Bayes ({last:g} epochs)")


def _line(
    axes: Axes, x: list[float], rows: Rows, column: str, label: str, color: str, marker: str
) -> None:
    value, low, high = (
        [100 * float(row[f"{column}{end}"]) for row in rows] for end in ("", "_low", "_high")
    )
    axes.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
    axes.plot(x, value, color=color, marker=marker, markersize=4, linewidth=1.2, label=label)


def main(folder: str, out: str) -> None:
    """Write the figure."""
    mpl.use("Agg")
    figure, panels = plt.subplots(2, 2, figsize=(10.5, 7.2), dpi=110)
    for axes, (name, (label, x_of)) in zip(panels.flat, SWEEPS.items(), strict=False):
        draw_sweep(axes, read(Path(folder) / f"{name}.csv"), label, x_of)
    draw_top_k(panels[1][1], read(Path(folder) / "epochs.csv"))
    for axes in panels.flat:
        axes.axhline(0, color="black", linewidth=0.4, zorder=0)
        axes.set_ylabel("percentage points")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in (panels[0][0], panels[1][1]):
        axes.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
