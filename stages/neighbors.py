"""Find each attacked crop's nearest public images in every layer and metric."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams
from dejavu.run import stage
from dejavu.search import neighbors, searches


def main(*, model: str, params: Path, embeddings: Path, out: Path, recall: Path) -> None:
    """Find each attacked crop's nearest public images in every layer and metric."""
    layers = section(params, f"image.models.{model}", ModelParams).layers
    search = section(params, "image.neighbors", NeighborsParams)
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="image.neighbors",
            model=model,
            search=search,
            machine=section(params, "machine", MachineParams),
        ),
        inputs=searches.of_images(embeddings, layers, search.metrics),
        out=neighbors.NeighborFiles(neighbors=out, recall=recall),
    )


if __name__ == "__main__":
    stage.run(main)
