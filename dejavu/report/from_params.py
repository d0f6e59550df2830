"""The settings of a report, read from params.yaml."""

import dataclasses
from pathlib import Path

from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.base import Names, Positives
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.params.encoders import Models
from dejavu.params.machine import MachineParams
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.settings import ImageSettings, leading


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a report beside the data."""

    image: ImageSettings
    captions: CaptionSettings
    data_root: str = "."  # ``machine.data_root``, where images outside the run lie


def read(params: Path) -> Settings:
    """Return the settings of the report.

    Raises:
        ParamsError: a section is missing or wrong.
    """
    seed = section(params, "seed", int)
    report = section(params, "report", ReportParams)
    models = section(params, "image.models", Models)
    image = ImageSettings(
        seed=seed,
        report=report,
        score=section(params, "image.score", ScoreParams),
        targets=leading(
            targets_of(models, section(params, "image.neighbors.metrics", Names)),
            report.headline.image,
        ),
        top_k=section(params, "image.naive_bayes.top_k", Positives),
        k=section(params, "image.neighbors.k", int),
    )
    captions = CaptionSettings(
        seed=seed,
        resamples=report.resamples,
        n_most_memorized=report.n_most_memorized,
        headline=report.headline.caption,
        models=section(params, "caption.models", CaptionModels),
        score=section(params, "caption.score", CaptionScoreParams),
    )
    machine = section(params, "machine", MachineParams)
    return Settings(image=image, captions=captions, data_root=machine.data_root)
