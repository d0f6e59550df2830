"""Bring back the public samples nearest to each caption that is attacked, in every mode of one model."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.caption import CaptionModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.roles import is_paired
from dejavu.run import stage
from dejavu.search import both_roles, searches
from dejavu.search.neighbors import NeighborSettings
from dejavu.tables.views import REFERENCE_CAPTION


def main(
    *,
    model: str,
    params: Path,
    embeddings: Path,
    unannotated: Path,
    out: Path,
    recall: Path,
    reference: Path,
) -> None:
    """Bring back the public samples nearest to each caption that is attacked, in every mode of one model."""
    entry = section(params, f"caption.models.{model}", CaptionModelParams)
    asked = embeddings, entry.modes
    both_roles.find(
        settings=NeighborSettings(
            section="caption.retrieve",
            model=model,
            search=section(params, "caption.retrieve", RetrieveParams),
            machine=section(params, "machine", MachineParams),
            left_out=unannotated,
        ),
        inputs=both_roles.Searches(
            attacked=searches.of_captions(*asked),
            reference=(
                searches.of_captions(*asked, captions=REFERENCE_CAPTION) if is_paired(entry) else ()
            ),
        ),
        out=both_roles.Files(neighbors=out, recall=recall, reference=reference),
    )


if __name__ == "__main__":
    stage.run(main)
