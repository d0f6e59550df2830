"""List which attacked samples are memorized, at a controlled share of false entries."""

from pathlib import Path

from dejavu.caption import memorized as of_captions
from dejavu.image import memorized as of_images
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.base import Names
from dejavu.params.caption import CaptionModels
from dejavu.params.encoders import Models
from dejavu.params.report import FalseDiscoveryPercent, OptionalCaptionHeadline
from dejavu.run import stage
from dejavu.statistics.memorized_rows import ListSettings


def main(*, lane: str, params: Path, attacked: Path, reference_role: Path, out: Path) -> None:
    """Write one row per target and attacked sample."""
    percent: int = section(params, "report.false_discovery_percent", FalseDiscoveryPercent)
    settings = ListSettings(share=percent / 100, storey=section(params, "report.storey", bool))
    if lane == "image":
        metrics = section(params, "image.neighbors.metrics", Names)
        targets = targets_of(section(params, "image.models", Models), metrics)
        k = section(params, "image.neighbors.k", int)
        of_images.write(attacked, targets, settings, k=k, out=out, reference_role=reference_role)
    else:
        models = section(params, "caption.models", CaptionModels)
        headline = section(params, "report.headline.caption", OptionalCaptionHeadline)
        of_captions.write(
            attacked, models, headline, settings, out=out, reference_role=reference_role
        )


if __name__ == "__main__":
    stage.run(main)
