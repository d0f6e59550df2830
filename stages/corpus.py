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
        lane,
        section(params, f"{lane}.corpus", CorpusParams).root,
        limits=section(params, "limits", LimitsParams),
        seed=section(params, "seed", int),
        samples=samples,
        labels=labels,
        images=images,
        machine=section(params, "machine", MachineParams),
    )


if __name__ == "__main__":
    stage.run(main)
