"""List which attacked captions are memorized, at a controlled share of false entries."""

from pathlib import Path

from dejavu.caption import memorized
from dejavu.params import section
from dejavu.params.caption import CaptionModels
from dejavu.params.report import FalseDiscoveryPercent, OptionalCaptionHeadline
from dejavu.run import stage
from dejavu.statistics.memorized_rows import ListSettings


def main(*, params: Path, scores: Path, out: Path) -> None:
    """Write one row per target and attacked caption."""
    percent: int = section(params, "report.false_discovery_percent", FalseDiscoveryPercent)
    memorized.write(
        scores,
        section(params, "caption.models", CaptionModels),
        section(params, "report.headline.caption", OptionalCaptionHeadline),
        ListSettings(share=percent / 100, storey=section(params, "report.storey", bool)),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
