"""List (or generate) the samples of a lane, with their boxes, labels, hashes and problems."""

from pathlib import Path

from dejavu.corpora import build
from dejavu.params import section
from dejavu.params.corpora import CorpusParams
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage


def main(*, lane: str, params: Path, samples: Path, labels: Path, images: Path) -> None:
    """List (or generate) the samples of a lane, with their boxes, labels, hashes and problems."""
    build.build(
        settings=build.BuildSettings(
            lane=lane,
            corpus=section(params, f"{lane}.corpus", CorpusParams).root,
            limits=section(params, "limits", LimitsParams),
            seed=section(params, "seed", int),
            machine=section(params, "machine", MachineParams),
        ),
        out=build.CorpusTables(samples=samples, labels=labels, images=images),
    )


if __name__ == "__main__":
    stage.run(main)
