"""Aggregate the scores with SQL into results, tables, figures and a summary."""

from pathlib import Path

from dejavu import params, stage
from dejavu.params.base import Names, Positives
from dejavu.params.encoders import Models
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.report.make import make
from dejavu.report.settings import ImageSettings
from dejavu.targets import targets_of


def main(*, params_path: Path, data: Path, out: Path) -> None:
    """Write results.json, metrics.json, tables/ and summary.md."""
    models = params.section(params_path, "image.models", Models)
    metrics = params.section(params_path, "image.neighbors.metrics", Names)
    settings = ImageSettings(
        seed=params.section(params_path, "seed", int),
        report=params.section(params_path, "report", ReportParams),
        score=params.section(params_path, "image.score", ScoreParams),
        targets=tuple(targets_of(models, metrics)),
        top_k=params.section(params_path, "image.naive_bayes.top_k", Positives),
    )
    make(data, out, settings)


if __name__ == "__main__":
    stage.run(main)
