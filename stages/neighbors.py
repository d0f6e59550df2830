"""Find the nearest public images of each crop that is attacked, in every layer and metric."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams
from dejavu.roles import is_paired
from dejavu.run import stage
from dejavu.search import both_roles, searches
from dejavu.search.neighbors import NeighborSettings
from dejavu.tables.views import REFERENCE_CROP


def main(
    *, model: str, params: Path, embeddings: Path, out: Path, recall: Path, reference: Path
) -> None:
    """Find the nearest public images of each crop that is attacked, in every layer and metric."""
    entry = section(params, f"image.models.{model}", ModelParams)
    search = section(params, "image.neighbors", NeighborsParams)
    asked = embeddings, entry.layers, search.metrics
    both_roles.find(
        settings=NeighborSettings(
            section="image.neighbors",
            model=model,
            search=search,
            machine=section(params, "machine", MachineParams),
        ),
        inputs=both_roles.Searches(
            attacked=searches.of_images(*asked),
            reference=searches.of_images(*asked, crops=REFERENCE_CROP) if is_paired(entry) else (),
        ),
        out=both_roles.Files(neighbors=out, recall=recall, reference=reference),
    )


if __name__ == "__main__":
    stage.run(main)
