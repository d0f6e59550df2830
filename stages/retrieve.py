"""Bring back the public samples nearest to each attacked caption, in every mode of one model."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.caption import CaptionModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.run import stage
from dejavu.search import neighbors, searches


def main(
    *, model: str, params: Path, embeddings: Path, unannotated: Path, out: Path, recall: Path
) -> None:
    """Bring back the public samples nearest to each attacked caption, in every mode of one model."""
    modes = section(params, f"caption.models.{model}", CaptionModelParams).modes
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="caption.retrieve",
            model=model,
            search=section(params, "caption.retrieve", RetrieveParams),
            machine=section(params, "machine", MachineParams),
            left_out=unannotated,
        ),
        inputs=searches.of_captions(embeddings, modes),
        out=neighbors.NeighborFiles(neighbors=out, recall=recall),
    )


if __name__ == "__main__":
    stage.run(main)
