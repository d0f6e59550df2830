"""Train a CLIP network on its role, or verify a released model; write its weights and provenance."""

from pathlib import Path

from dejavu.models import clip
from dejavu.models.clip.source import CaptionRequest
from dejavu.params import section
from dejavu.params.caption import CaptionModelParams, CaptionRecipe
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *, model: str, recipe: str, params: Path, samples: Path, images: Path, splits: Path, out: Path
) -> None:
    """Train a CLIP network on its role, or verify a released model; write its weights and provenance."""
    request = CaptionRequest(
        model=model,
        settings=section(params, f"caption.models.{model}", CaptionModelParams),
        recipe=section(params, f"recipes.{recipe}", CaptionRecipe),
        seed=section(params, "seed", int),
        samples=samples,
        images=images,
        splits=splits,
        machine=section(params, "machine", MachineParams),
    )
    clip.make(request, out)


if __name__ == "__main__":
    stage.run(main)
