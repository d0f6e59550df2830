"""Aggregate the scores with SQL into results, tables, figures and a summary."""

from pathlib import Path

from dejavu import stage
from dejavu.params import section
from dejavu.params.base import Names, Positives
from dejavu.params.encoders import Models
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.report.make import make
from dejavu.report.settings import ImageSettings
from dejavu.targets import targets_of


def main(*, params: Path, data: Path, out: Path) -> None:
    """Write results.json, metrics.json, tables/ and summary.md."""
    models = section(params, "image.models", Models)
    metrics = section(params, "image.neighbors.metrics", Names)
    settings = ImageSettings(
        seed=section(params, "seed", int),
        report=section(params, "report", ReportParams),
        score=section(params, "image.score", ScoreParams),
        targets=tuple(targets_of(models, metrics)),
        top_k=section(params, "image.naive_bayes.top_k", Positives),
    )
    make(data, out, settings)


if __name__ == "__main__":
    stage.run(main)
