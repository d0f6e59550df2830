"""Give every sample one role; duplicates stay together."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.corpora import SplitParams
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage
from dejavu.splits import assign


def main(*, lane: str, params: Path, samples: Path, labels: Path, images: Path, out: Path) -> None:
    """Give every sample one role; duplicates stay together."""
    machine = section(params, "machine", MachineParams)
    settings = assign.SplitSettings(
        split=section(params, f"{lane}.split", SplitParams),
        seed=section(params, "seed", int),
        data_root=machine.data_root,
        workers=machine.workers,
        limits=section(params, "limits", LimitsParams),
    )
    assign.build(
        settings=settings,
        inputs=assign.SplitInputs(samples=samples, labels=labels, images=images),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
