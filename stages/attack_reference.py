"""Attack the reference role too, with the networks of a pair that is trained here, for the crossover."""

from pathlib import Path

from dejavu.image import embed, reference_role
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
    images: Path,
    splits: Path,
    labels: Path,
    crops: Path,
    encoder: Path,
    embeddings: Path,
    out: Path,
) -> None:
    """Write what one network guesses of the reference role."""
    reference_role.attack(
        settings=reference_role.AttackSettings(
            embed=embed.EmbedSettings(
                model=model,
                entry=section(params, f"image.models.{model}", ModelParams),
                machine=section(params, "machine", MachineParams),
            ),
            search=section(params, "image.neighbors", NeighborsParams),
        ),
        inputs=reference_role.AttackInputs(
            embed=embed.EmbedInputs(
                samples=samples, images=images, splits=splits, crops=crops, encoder=encoder
            ),
            labels=labels,
            embeddings=embeddings,
        ),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
