"""List which attacked crops are memorized, at a controlled share of false entries."""

from pathlib import Path

from dejavu.image import memorized
from dejavu.image.targets import targets_of
from dejavu.params import section
from dejavu.params.base import Names
from dejavu.params.encoders import Models
from dejavu.params.report import FalseDiscoveryPercent
from dejavu.run import stage
from dejavu.statistics.memorized_rows import ListSettings


def main(*, params: Path, predictions: Path, reference_role: Path, out: Path) -> None:
    """Write one row per target and attacked sample."""
    models = section(params, "image.models", Models)
    percent: int = section(params, "report.false_discovery_percent", FalseDiscoveryPercent)
    memorized.write(
        predictions,
        targets_of(models, section(params, "image.neighbors.metrics", Names)),
        ListSettings(share=percent / 100, storey=section(params, "report.storey", bool)),
        k=section(params, "image.neighbors.k", int),
        out=out,
        reference_role=reference_role,
    )


if __name__ == "__main__":
    stage.run(main)
