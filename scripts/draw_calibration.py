"""Draw how far plain and calibrated one-model scores are from the two-model score.

    python -m scripts.draw_calibration docs/results/seeds.csv docs/figures/calibration.png

reads what `scripts.compare_seeds` writes: one point per run, model, setting and one-model test.
"""

import csv
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from scripts.compare_seeds import TWO_MODELS

PANELS = (("image", "dejavu_score", "images: déjà vu score"), ("caption", "ppg", "captions: PPG"),
          ("caption", "prg", "captions: PRG"))  # fmt: skip
KINDS = (
    ("plain", "plain one-model score", "#b0b0b0"),
    ("excess", "excess (calibrated)", "#1f5fbf"),
)


def draw(rows: list[dict[str, str]], axes: Axes, lane: str, score: str, title: str) -> None:
    """Draw one-model against two-model scores; the diagonal is perfect agreement."""
    chosen = [
        row for row in rows
        if (row["lane"], row["score"]) == (lane, score) and row["reference"] != TWO_MODELS
    ]  # fmt: skip
    for column, label, color in KINDS:
        x = [float(row["two_model"]) for row in chosen]
        y = [float(row[column]) for row in chosen]
        axes.scatter(x, y, s=9, color=color, label=label, linewidths=0, alpha=0.7)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color="black", linewidth=0.8, zorder=0)
    axes.axhline(0, color="black", linewidth=0.3, zorder=0)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("two-model score of the same run")


def main() -> None:
    """Read the table and write the figure."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with Path(sys.argv[1]).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    mpl.use("Agg")
    figure, panels = plt.subplots(1, len(PANELS), figsize=(10.5, 3.6), dpi=110)
    for axes, (lane, score, title) in zip(panels, PANELS, strict=True):
        draw(rows, axes, lane, score, title)
    panels[0].set_ylabel("one-model score")
    panels[0].legend(fontsize=8, frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Software": None})


if __name__ == "__main__":
    main()
