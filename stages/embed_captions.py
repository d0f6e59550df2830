"""Embed public images, public captions and attacked captions with one model."""

from pathlib import Path

from dejavu.caption import embed
from dejavu.params import section
from dejavu.params.caption import CaptionModelParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *,
    model: str,
    params: Path,
    samples: Path,
    images: Path,
    splits: Path,
    weights: Path,
    out: Path,
) -> None:
    """Embed public images, public captions and attacked captions with one model."""
    embed.embed(
        settings=embed.CaptionEmbedSettings(
            model=model,
            entry=section(params, f"caption.models.{model}", CaptionModelParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=embed.CaptionEmbedInputs(
            samples=samples, images=images, splits=splits, weights=weights
        ),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
