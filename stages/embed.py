"""Embed the public images and the crops that are attacked with one network, all its layers."""

from pathlib import Path

from dejavu.image import embed
from dejavu.params import section
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *,
    model: str,
    params: Path,
    samples: Path,
    images: Path,
    splits: Path,
    crops: Path,
    encoder: Path,
    out: Path,
) -> None:
    """Embed the public images and the crops that are attacked with one network, all its layers."""
    embed.embed(
        settings=embed.EmbedSettings(
            model=model,
            entry=section(params, f"image.models.{model}", ModelParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=embed.EmbedInputs(
            samples=samples, images=images, splits=splits, crops=crops, encoder=encoder
        ),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
