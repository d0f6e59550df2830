"""Attack the reference role too, with the caption models of pairs that are trained here."""

from pathlib import Path

from dejavu.caption import reference_role
from dejavu.params import section
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.run import stage


def main(
    *,
    params: Path,
    samples: Path,
    splits: Path,
    objects: Path,
    vocabulary: Path,
    unannotated: Path,
    embeddings: Path,
    out: Path,
) -> None:
    """Write what both models of each pair bring back for captions of the reference role."""
    reference_role.attack(
        settings=reference_role.CaptionAttackSettings(
            models=section(params, "caption.models", CaptionModels),
            retrieve=section(params, "caption.retrieve", RetrieveParams),
            score=section(params, "caption.score", CaptionScoreParams),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=reference_role.CaptionAttackInputs(
            samples=samples, splits=splits, objects=objects, vocabulary=vocabulary,
            unannotated=unannotated, embeddings=embeddings,
        ),
        out=out,
    )  # fmt: skip


if __name__ == "__main__":
    stage.run(main)
