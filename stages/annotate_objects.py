"""Note which objects every attacked or public picture shows."""

from pathlib import Path

from dejavu import objects, stage
from dejavu.params import section
from dejavu.params.caption import ObjectsParams
from dejavu.params.machine import MachineParams


def main(
    *,
    params: Path,
    samples: Path,
    pictures: Path,
    labels: Path,
    splits: Path,
    out: Path,
    vocabulary: Path,
) -> None:
    """Note which objects every attacked or public picture shows."""
    objects.annotate(
        section(params, "caption.objects", ObjectsParams),
        objects.Pictures(samples=samples, pictures=pictures, labels=labels, splits=splits),
        out=out,
        vocabulary=vocabulary,
        machine=section(params, "machine", MachineParams),
    )


if __name__ == "__main__":
    stage.run(main)
