"""Compare the objects that every target and every reference brings back, sample by sample."""

from pathlib import Path

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
    out: Path,
    agreement: Path,
) -> None:
    """Compare the objects that every target and every reference brings back, sample by sample."""
    score.score(
        settings=score.CaptionScoreSettings(
            models=section(params, "caption.models", CaptionModels),
            score=section(params, "caption.score", CaptionScoreParams),
        ),
        inputs=score.CaptionTables(
            samples=samples,
            splits=splits,
            objects=objects,
            vocabulary=vocabulary,
            neighbors=neighbors,
        ),
        out=score.CaptionScoreFiles(scores=out, agreement=agreement),
    )


if __name__ == "__main__":
    stage.run(main)
