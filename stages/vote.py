"""Guess each crop's hidden label by the vote of its nearest public images."""

from pathlib import Path

from dejavu.image import vote
from dejavu.params import section
from dejavu.params.encoders import Models
from dejavu.params.search import NeighborsParams
from dejavu.run import stage


def main(
    *, params: Path, samples: Path, splits: Path, labels: Path, neighbors: Path, out: Path
) -> None:
    """Guess each crop's hidden label by the vote of its nearest public images."""
    models = section(params, "image.models", Models)
    if not models:  # the lane is not used
        out.mkdir(parents=True, exist_ok=True)
        return
    vote.count(
        settings=vote.VoteSettings(
            models=models,
            metrics=section(params, "image.neighbors", NeighborsParams).metrics,
        ),
        inputs=vote.VoteInputs(samples=samples, splits=splits, labels=labels, neighbors=neighbors),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
