"""Find each attacked crop's nearest public images in every layer and metric."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.encoders import ModelParams, NeighborsParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage
from dejavu.search import neighbors


def main(*, model: str, params: Path, embeddings: Path, out: Path) -> None:
    """Find each attacked crop's nearest public images in every layer and metric."""
    neighbors.find(
        embeddings,
        out,
        model=model,
        layers=section(params, f"image.models.{model}", ModelParams).layers,
        settings=section(params, "image.neighbors", NeighborsParams),
        machine=section(params, "machine", MachineParams),
    )


if __name__ == "__main__":
    stage.run(main)
