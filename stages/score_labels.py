"""Compare every target with every reference, sample by sample."""

from pathlib import Path

from dejavu.image import score
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.base import Names
from dejavu.params.encoders import Models
from dejavu.params.report import ScoreParams
from dejavu.run import stage


def main(*, params: Path, predictions: Path, out: Path) -> None:
    """Write one row per target, reference and attacked sample."""
    models = section(params, "image.models", Models)
    metrics = section(params, "image.neighbors.metrics", Names)
    score.score(
        settings=score.ScoreSettings(
            targets=tuple(targets_of(models, metrics)),
            references=section(params, "image.score", ScoreParams),
        ),
        inputs=predictions,
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
