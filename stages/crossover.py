"""Put both models of each pair side by side, on the samples of one and of the other."""

from pathlib import Path

from dejavu.image import crossover
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.base import Names
from dejavu.params.encoders import Models
from dejavu.run import stage


def main(*, params: Path, predictions: Path, reference_role: Path, out: Path) -> None:
    """Write one row per target with a second model, and sample of either's role."""
    models = section(params, "image.models", Models)
    crossover.write(
        predictions,
        reference_role,
        targets_of(models, section(params, "image.neighbors.metrics", Names)),
        k=section(params, "image.neighbors.k", int),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
