"""Train a network on its role, or verify a released one; write its weights and provenance."""

from pathlib import Path

from dejavu.models import encoders
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.source import TrainingInputs
from dejavu.params import section
from dejavu.params.encoders import ModelParams, RecipeParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *, model: str, recipe: str, params: Path, samples: Path, images: Path, splits: Path, out: Path
) -> None:
    """Train a network on its role, or verify a released one; write its weights and provenance."""
    encoders.make(
        settings=EncoderSettings(
            model=model,
            entry=section(params, f"image.models.{model}", ModelParams),
            recipe=section(params, f"recipes.{recipe}", RecipeParams),
            seed=section(params, "seed", int),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=TrainingInputs(samples=samples, images=images, splits=splits),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
