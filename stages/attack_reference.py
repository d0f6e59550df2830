"""Attack the reference role too, with the networks of a pair that is trained here, for the crossover."""

from pathlib import Path

from dejavu.image import reference_role
from dejavu.params import section
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams
from dejavu.run import stage


def main(
    *,
    model: str,
    params: Path,
    samples: Path,
    splits: Path,
    labels: Path,
    embeddings: Path,
    out: Path,
) -> None:
    """Write what one network guesses of the reference role."""
    reference_role.attack(
        settings=reference_role.AttackSettings(
            model=model,
            entry=section(params, f"image.models.{model}", ModelParams),
            search=section(params, "image.neighbors", NeighborsParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=reference_role.AttackInputs(
            samples=samples, splits=splits, labels=labels, embeddings=embeddings
        ),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
