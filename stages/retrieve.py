"""Bring back the public samples nearest to each attacked caption, in every mode of one model."""

from pathlib import Path

from dejavu.params import section
from dejavu.params.caption import CaptionModelParams, RetrieveParams
from dejavu.params.machine import MachineParams
from dejavu.run import stage
from dejavu.search import retrieve


def main(*, model: str, params: Path, embeddings: Path, out: Path) -> None:
    """Bring back the public samples nearest to each attacked caption, in every mode of one model."""
    retrieve.retrieve(
        model,
        section(params, f"caption.models.{model}", CaptionModelParams),
        section(params, "caption.retrieve", RetrieveParams),
        embeddings=embeddings,
        machine=section(params, "machine", MachineParams),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
