"""Tag the background crops with one annotator."""

from pathlib import Path

from dejavu import params as parameters
from dejavu.annotators import tag_crops
from dejavu.annotators.source import CropSource
from dejavu.params.base import Share
from dejavu.params.machine import MachineParams
from dejavu.params.references import AnnotatorParams
from dejavu.run import stage


def main(
    *,
    annotator: str,
    params: Path,
    samples: Path,
    images: Path,
    crops: Path,
    out: Path,
    vocabulary: Path,
) -> None:
    """Write the tags of the kept crops of reference, target and control, and their vocabulary."""
    machine = parameters.section(params, "machine", MachineParams)
    tag_crops.tag_crops(
        settings=tag_crops.TagSettings(
            name=annotator,
            entry=parameters.section(params, f"image.annotators.{annotator}", AnnotatorParams).root,
            seed=parameters.section(params, "seed", int),
            limit=parameters.section(params, "limits.unannotated", Share),
            machine=machine,
        ),
        inputs=CropSource(samples=samples, crops=crops, images=images, data_root=machine.data_root),
        out=tag_crops.TagTables(tags=out, vocabulary=vocabulary),
    )


if __name__ == "__main__":
    stage.run(main)
