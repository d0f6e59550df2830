"""Aggregate the scores with SQL into results, tables, a summary and a page."""

from pathlib import Path

from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.base import Names, Positives
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.params.encoders import Models
from dejavu.params.machine import MachineParams
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.make import make
from dejavu.report.settings import ImageSettings, leading
from dejavu.run import stage


def main(*, params: Path, data: Path, out: Path) -> None:
    """Write results.json, metrics.json, tables/, summary.md and index.html."""
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
    make(data, out, image, captions, data_root=machine.data_root)


if __name__ == "__main__":
    stage.run(main)
