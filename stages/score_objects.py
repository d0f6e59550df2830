"""Compare the objects that every target and every reference brings back, sample by sample."""

from pathlib import Path

from dejavu import caption_scores, stage
from dejavu.params import section
from dejavu.params.caption import CaptionModels, CaptionScoreParams


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
    caption_scores.score(
        section(params, "caption.models", CaptionModels),
        section(params, "caption.score", CaptionScoreParams),
        caption_scores.CaptionTables(
            samples=samples,
            splits=splits,
            objects=objects,
            vocabulary=vocabulary,
            neighbors=neighbors,
        ),
        out=out,
        agreement=agreement,
    )


if __name__ == "__main__":
    stage.run(main)
