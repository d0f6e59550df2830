"""Note which objects every attacked or public image shows."""

from pathlib import Path

from dejavu.caption import annotate
from dejavu.params import section
from dejavu.params.caption import ObjectsParams
from dejavu.params.limits import LimitsParams
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
    unannotated: Path,
) -> None:
    """Note which objects every attacked or public image shows."""
    annotate.annotate(
        settings=annotate.AnnotateSettings(
            entry=section(params, "caption.objects", ObjectsParams),
            limits=section(params, "limits", LimitsParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=annotate.Images(samples=samples, images=images, labels=labels, splits=splits),
        out=annotate.ObjectTables(objects=out, vocabulary=vocabulary, unannotated=unannotated),
    )


if __name__ == "__main__":
    stage.run(main)
