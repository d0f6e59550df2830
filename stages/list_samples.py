"""List which attacked samples are memorized, at a controlled share of false entries."""

from pathlib import Path

from dejavu.caption import memorized as of_captions
from dejavu.image import memorized as of_images
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.caption import CaptionModels
from dejavu.params.encoders import Models
from dejavu.params.predictions import Predictions
from dejavu.params.report import FalseDiscoveryPercent, OptionalCaptionHeadline
from dejavu.params.search import NeighborsParams
from dejavu.run import stage
from dejavu.statistics.memorized_rows import ListInputs


def main(*, lane: str, params: Path, attacked: Path, reference_role: Path, out: Path) -> None:
    """Write one row per target and attacked sample."""
    percent: int = section(params, "report.false_discovery_percent", FalseDiscoveryPercent)
    storey: bool = section(params, "report.storey", bool)
    inputs = ListInputs(attacked=attacked, reference_role=reference_role)
    if lane == "image":
        images = of_images.ImageListSettings(
            share=percent / 100, storey=storey,
            targets=targets_of(
                section(params, "image.models", Models),
                section(params, "image.predictions", Predictions),
                section(params, "image.neighbors", NeighborsParams),
            ),
        )  # fmt: skip
        of_images.write(settings=images, inputs=inputs, out=out)
        return
    captions = of_captions.CaptionListSettings(
        share=percent / 100, storey=storey, models=section(params, "caption.models", CaptionModels),
        headline=section(params, "report.headline.caption", OptionalCaptionHeadline),
    )  # fmt: skip
    of_captions.write(settings=captions, inputs=inputs, out=out)


if __name__ == "__main__":
    stage.run(main)
