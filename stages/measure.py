"""Measure what else tells memorized samples: weighted votes, norms, distances, cosines of pairs."""

from pathlib import Path

from dejavu.caption import measure as of_captions
from dejavu.image import measure as of_images
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.caption import CaptionModels
from dejavu.params.encoders import Models
from dejavu.params.machine import MachineParams
from dejavu.params.measures import MeasureNames, Temperature
from dejavu.params.predictions import Predictions
from dejavu.params.report import OptionalCaptionHeadline
from dejavu.params.search import NeighborsParams
from dejavu.run import stage


def main(
    *, lane: str, params: Path, samples: Path, images: Path, splits: Path, weights: Path,
    embeddings: Path, neighbors: Path, out: Path,
) -> None:  # fmt: skip
    """Write one row per target, measure and attacked sample."""
    temperature: float = section(params, "measures.temperature", Temperature)
    if lane == "image":
        search = section(params, "image.neighbors", NeighborsParams)
        models = section(params, "image.models", Models)
        guesses = section(params, "image.predictions", Predictions)
        of_images.measure(
            settings=of_images.MeasureSettings(
                targets=targets_of(models, guesses, search), metrics=search.metrics,
                temperature=temperature, names=section(params, "measures.image", MeasureNames),
            ),
            inputs=of_images.MeasureInputs(
                samples=samples, splits=splits, embeddings=embeddings, neighbors=neighbors
            ),
            out=out,
        )  # fmt: skip
        return
    of_captions.measure(
        settings=of_captions.CaptionMeasureSettings(
            models=section(params, "caption.models", CaptionModels), temperature=temperature,
            headline=section(params, "report.headline.caption", OptionalCaptionHeadline),
            names=section(params, "measures.caption", MeasureNames),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=of_captions.CaptionMeasureInputs(
            samples=samples, images=images, splits=splits, weights=weights,
            embeddings=embeddings, neighbors=neighbors,
        ),
        out=out,
    )  # fmt: skip


if __name__ == "__main__":
    stage.run(main)
