"""Put both models of each pair side by side, on the samples of one and of the other."""

from pathlib import Path

from dejavu.caption import crossover as of_captions
from dejavu.image import crossover as of_images
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.caption import CaptionModels
from dejavu.params.encoders import Models
from dejavu.params.predictions import Predictions
from dejavu.params.report import OptionalCaptionHeadline
from dejavu.params.search import NeighborsParams
from dejavu.run import stage
from dejavu.statistics.crossover_rows import CrossoverInputs


def main(*, lane: str, params: Path, attacked: Path, reference_role: Path, out: Path) -> None:
    """Write one row per target with a second model, measure, and sample of either's role."""
    inputs = CrossoverInputs(attacked=attacked, reference_role=reference_role)
    if lane == "image":
        images = of_images.CrossoverSettings(
            targets=targets_of(
                section(params, "image.models", Models),
                section(params, "image.predictions", Predictions),
                section(params, "image.neighbors", NeighborsParams),
            )
        )
        of_images.write(settings=images, inputs=inputs, out=out)
        return
    captions = of_captions.CaptionCrossoverSettings(
        models=section(params, "caption.models", CaptionModels),
        headline=section(params, "report.headline.caption", OptionalCaptionHeadline),
    )
    of_captions.write(settings=captions, inputs=inputs, out=out)


if __name__ == "__main__":
    stage.run(main)
