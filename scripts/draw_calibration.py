"""Draw how far plain, subtracted and adjusted one-model scores are from the yardstick of the same run.

    python -m scripts.draw_calibration docs/results/seeds.csv docs/figures/calibration.png

reads what `scripts.compare_seeds` writes: one point per run, model, setting and one-model test.
"""

import csv
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

PANELS = (
    ("image", "score", "images: déjà vu score", "crossover of the same run"),
    ("caption", "ppg", "captions: PPG", "two-model score of the same run"),
    ("caption", "prg", "captions: PRG", "two-model score of the same run"),
)
KINDS = (
    (("plain",), "plain (paper)", "#b8b8b8", 7),
    (("unadjusted",), "target − control", "#5b9bea", 7),
    (("adjusted", "matched"), "adjusted; PPG, PRG: matched", "#10458f", 16),
)


def draw(rows: list[dict[str, str]], axes: Axes, lane: str, measure: str) -> None:
    """Draw one-model scores against the yardstick; the diagonal is perfect agreement."""
    for estimators, label, color, size in KINDS:
        chosen = [
            row for row in rows
            if (row["lane"], row["measure"]) == (lane, measure) and row["estimator"] in estimators
            and row["reference"] != "second_model"
        ]  # fmt: skip
        x = [float(row["yardstick"]) for row in chosen]
        y = [float(row["value"]) for row in chosen]
        axes.scatter(x, y, s=size, color=color, label=label, linewidths=0, alpha=0.7)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color="black", linewidth=0.8, zorder=0)
    axes.axhline(0, color="black", linewidth=0.3, zorder=0)


def main() -> None:
    """Read the table and write the figure."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with Path(sys.argv[1]).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    mpl.use("Agg")
    figure, panels = plt.subplots(1, len(PANELS), figsize=(10.5, 3.6), dpi=110)
    for axes, (lane, measure, title, below) in zip(panels, PANELS, strict=True):
        draw(rows, axes, lane, measure)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(below)
    panels[0].set_ylabel("one-model score")
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="upper center", ncols=len(KINDS), frameon=False
    )
    figure.savefig(sys.argv[2], metadata={"Software": None})


if __name__ == "__main__":
    main()
