"""Note which objects every attacked or public picture shows."""

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
    pictures: Path,
    labels: Path,
    splits: Path,
    out: Path,
    vocabulary: Path,
) -> None:
    """Note which objects every attacked or public picture shows."""
    annotate.annotate(
        section(params, "caption.objects", ObjectsParams),
        annotate.Pictures(samples=samples, pictures=pictures, labels=labels, splits=splits),
        out=out,
        vocabulary=vocabulary,
        machine=section(params, "machine", MachineParams),
    )


if __name__ == "__main__":
    stage.run(main)
