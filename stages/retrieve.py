"""Bring back the public samples nearest to each caption that is attacked, in every mode of one model."""

from pathlib import Path

from dejavu.caption import nearest
from dejavu.params import section
from dejavu.params.caption import CaptionModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.run import stage


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
    nearest.find(
        settings=nearest.RetrieveSettings(
            model=model,
            entry=section(params, f"caption.models.{model}", CaptionModelParams),
            search=section(params, "caption.retrieve", RetrieveParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=nearest.RetrieveInputs(embeddings=embeddings, unannotated=unannotated),
        out=nearest.RetrieveFiles(neighbors=out, recall=recall, reference=reference),
    )


if __name__ == "__main__":
    stage.run(main)
