"""Find the background crop of every attacked or reference image."""

from pathlib import Path

from dejavu.image import crop
from dejavu.params import section
from dejavu.params.corpora import CropParams
from dejavu.run import stage


def main(*, params: Path, samples: Path, splits: Path, out: Path) -> None:
    """Find the background crop of every attacked or reference image."""
    crop.build(
        settings=section(params, "image.crop", CropParams),
        inputs=crop.CropInputs(samples=samples, splits=splits),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
