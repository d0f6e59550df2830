"""Aggregate the scores with SQL into results, tables, a summary and a page."""

from pathlib import Path

from dejavu.report import from_params
from dejavu.report.make import make
from dejavu.run import stage


def main(*, params: Path, data: Path, out: Path) -> None:
    """Write results.json, metrics.json, tables/, summary.md and index.html."""
    make(settings=from_params.read(params), inputs=data, out=out)


if __name__ == "__main__":
    stage.run(main)
