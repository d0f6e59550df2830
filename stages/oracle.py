"""Guess the hidden label from the true distribution, where the corpus knows it."""

from pathlib import Path

from dejavu.image.kept_crops import CropTables
from dejavu.image.references import oracle
from dejavu.run import stage


def main(*, samples: Path, labels: Path, crops: Path, out: Path) -> None:
    """Write the oracle's predictions for the kept target and control crops."""
    inputs = CropTables(samples=samples, labels=labels, crops=crops)
    oracle.write_predictions(inputs=inputs, out=out)


if __name__ == "__main__":
    stage.run(main)
