"""Give every sample one role; duplicates stay together."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.corpora import SplitParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage
from dejavu.splits import assign


def main(*, lane: str, params: Path, samples: Path, out: Path) -> None:
    """Give every sample one role; duplicates stay together."""
    settings = assign.SplitSettings(
        split=section(params, f"{lane}.split", SplitParams),
        seed=section(params, "seed", int),
        data_folder=section(params, "machine", MachineParams).data_folder,
    )
    assign.build(settings=settings, inputs=samples, out=out)


if __name__ == "__main__":
    stage.run(main)
