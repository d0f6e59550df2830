"""Compare every target with every reference, sample by sample."""

from pathlib import Path

from dejavu.image import score
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.encoders import Models
from dejavu.params.predictions import Predictions
from dejavu.params.report import ScoreParams
from dejavu.params.search import NeighborsParams
from dejavu.run import stage


def main(*, params: Path, predictions: Path, out: Path) -> None:
    """Write one row per target, reference and attacked sample."""
    models = section(params, "image.models", Models)
    guesses = section(params, "image.predictions", Predictions)
    neighbors = section(params, "image.neighbors", NeighborsParams)
    score.score(
        settings=score.ScoreSettings(
            targets=tuple(targets_of(models, guesses, neighbors)),
            references=section(params, "image.score", ScoreParams),
        ),
        inputs=predictions,
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
