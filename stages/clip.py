"""Train a CLIP network on its role, or verify a released model; write its weights and provenance."""

from pathlib import Path

from dejavu.models.clip import make
from dejavu.params import section
from dejavu.params.caption import CaptionModelParams, CaptionRecipe
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *, model: str, recipe: str, params: Path, samples: Path, images: Path, splits: Path, out: Path
) -> None:
    """Train a CLIP network on its role, or verify a released model; write its weights and provenance."""
    make.make(
        model,
        section(params, f"caption.models.{model}", CaptionModelParams),
        section(params, f"recipes.{recipe}", CaptionRecipe),
        seed=section(params, "seed", int),
        samples=samples,
        images=images,
        splits=splits,
        machine=section(params, "machine", MachineParams),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
