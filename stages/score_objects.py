"""Compare the objects that every target and every reference brings back, sample by sample."""

import dataclasses
from pathlib import Path

from dejavu.caption import reference_role as other_role
from dejavu.caption import score
from dejavu.params import section
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.run import stage


def main(
    *,
    params: Path,
    samples: Path,
    splits: Path,
    objects: Path,
    vocabulary: Path,
    neighbors: Path,
    reference_neighbors: Path,
    out: Path,
    agreement: Path,
    reference_role: Path,
) -> None:
    """Compare the objects that every target and every reference brings back, sample by sample."""
    settings = score.CaptionScoreSettings(
        models=section(params, "caption.models", CaptionModels),
        score=section(params, "caption.score", CaptionScoreParams),
    )
    tables = score.CaptionTables(
        samples=samples, splits=splits, objects=objects, vocabulary=vocabulary, neighbors=neighbors
    )
    score.score(
        settings=settings,
        inputs=tables,
        out=score.CaptionScoreFiles(scores=out, agreement=agreement),
    )
    other_role.score_pairs(
        settings=settings,
        inputs=dataclasses.replace(tables, neighbors=reference_neighbors),
        out=reference_role,
    )


if __name__ == "__main__":
    stage.run(main)
