"""Note which objects every attacked or public image shows."""

from pathlib import Path

from dejavu.caption import annotate
from dejavu.params import section
from dejavu.params.caption import ObjectsParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(
    *,
    params: Path,
    samples: Path,
    images: Path,
    labels: Path,
    splits: Path,
    out: Path,
    vocabulary: Path,
) -> None:
    """Note which objects every attacked or public image shows."""
    annotate.annotate(
        section(params, "caption.objects", ObjectsParams),
        annotate.Images(samples=samples, images=images, labels=labels, splits=splits),
        out=out,
        vocabulary=vocabulary,
        machine=section(params, "machine", MachineParams),
    )


if __name__ == "__main__":
    stage.run(main)
