"""The settings of a report, read from params.yaml."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from dejavu.image.targets import require_references, targets_of
from dejavu.params import section
from dejavu.params.base import Positives, Section
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.params.corpora import CorpusParams
from dejavu.params.encoders import Models
from dejavu.params.machine import MachineParams
from dejavu.params.predictions import Predictions
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.params.search import NeighborsParams
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.settings import ImageSettings, leading


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a report beside the data."""

    image: ImageSettings
    captions: CaptionSettings
    data_root: str = "."  # ``machine.data_root``, where images outside the run lie
    data_sets: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )  # by lane: how params.yaml names it
    guesses: Predictions = dataclasses.field(default_factory=dict)  # made elsewhere


def read(params: Path) -> Settings:
    """Return the settings of the report.

    Raises:
        ParamsError: a section is missing or wrong, or a covariate is under audit.
    """
    seed = section(params, "seed", int)
    report = section(params, "report", ReportParams)
    guesses: Predictions = section(params, "image.predictions", Predictions)
    targets = targets_of(
        section(params, "image.models", Models),
        guesses,
        section(params, "image.neighbors", NeighborsParams),
    )
    require_references("report.covariates", report.covariates, targets)
    image = ImageSettings(
        seed=seed,
        report=report,
        score=section(params, "image.score", ScoreParams),
        targets=leading(targets, report.headline.image),
        top_k=section(params, "image.naive_bayes.top_k", Positives),
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
    corpora: dict[str, CorpusParams] = {
        "image": section(params, "image.corpus", CorpusParams),
        "caption": section(params, "caption.corpus", CorpusParams),
    }
    return Settings(
        image=image, captions=captions, data_root=machine.data_root,
        data_sets={lane: _name_of(corpus.root) for lane, corpus in corpora.items()},
        guesses=guesses,
    )  # fmt: skip


def _name_of(corpus: Section) -> str:
    """Return the adapter that reads the data set, and its folder or file where it has one."""
    stated = corpus.model_dump()
    where = stated.get("root") or stated.get("path")
    return f"adapter {stated['adapter']}, {where or 'generated'}"
