"""Train a CLIP network on its role, or verify a released model; write its weights and provenance."""

from pathlib import Path

from dejavu.models import clip
from dejavu.models.clip.source import CaptionSettings
from dejavu.models.source import TrainingInputs
from dejavu.params import section
from dejavu.params.caption import CaptionModelParams, CaptionRecipe
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *, model: str, recipe: str, params: Path, samples: Path, images: Path, splits: Path, out: Path
) -> None:
    """Train a CLIP network on its role, or verify a released model; write its weights and provenance."""
    clip.make(
        settings=CaptionSettings(
            model=model,
            entry=section(params, f"caption.models.{model}", CaptionModelParams),
            recipe=section(params, f"recipes.{recipe}", CaptionRecipe),
            seed=section(params, "seed", int),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=TrainingInputs(samples=samples, images=images, splits=splits),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
