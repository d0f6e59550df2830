"""Find the nearest public images of each crop that is attacked, in every layer and metric."""

from pathlib import Path

from dejavu.image import nearest
from dejavu.params import section
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams
from dejavu.run import stage


def main(
    *, model: str, params: Path, embeddings: Path, out: Path, recall: Path, reference: Path
) -> None:
    """Find the nearest public images of each crop that is attacked, in every layer and metric."""
    nearest.find(
        settings=nearest.NearestSettings(
            model=model,
            entry=section(params, f"image.models.{model}", ModelParams),
            search=section(params, "image.neighbors", NeighborsParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=embeddings,
        out=nearest.NearestFiles(neighbors=out, recall=recall, reference=reference),
    )


if __name__ == "__main__":
    stage.run(main)
