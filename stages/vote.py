"""Guess each crop's hidden label by the vote of its nearest public images."""

from pathlib import Path

from dejavu.image import vote
from dejavu.params import section
from dejavu.params.encoders import Models
from dejavu.params.search import NeighborsParams
from dejavu.run import stage


def main(
    *,
    params: Path,
    samples: Path,
    splits: Path,
    labels: Path,
    neighbors: Path,
    reference_neighbors: Path,
    out: Path,
    reference_role: Path,
) -> None:
    """Guess each crop's hidden label by the vote of its nearest public images."""
    vote.count(
        settings=vote.VoteSettings(
            models=section(params, "image.models", Models),
            metrics=section(params, "image.neighbors", NeighborsParams).metrics,
        ),
        inputs=vote.VoteInputs(
            samples=samples, splits=splits, labels=labels, neighbors=neighbors,
            reference_neighbors=reference_neighbors,
        ),
        out=vote.VoteFiles(attacked=out, reference_role=reference_role),
    )  # fmt: skip


if __name__ == "__main__":
    stage.run(main)
