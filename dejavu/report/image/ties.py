"""How many votes tie, so that the rule for ties (ours) decides: per target and role."""

from collections.abc import Sequence
from pathlib import Path

from dejavu.image.targets import Target
from dejavu.report.numbers import Rows
from dejavu.statistics import intervals
from dejavu.tables import catalog, queries


def tied_rows(data: Path, targets: Sequence[Target]) -> Rows:
    """Return the share of tied votes of each target on the samples of each role.

    A target whose guesses came without neighbors has no row: nobody knows its votes.

    Args:
        data: folder of the run's data.
        targets: the predictors under audit.
    """
    with catalog.connect(data, only=["samples", "splits"], sandboxed=False) as opened:
        layers, metrics = {each.layer for each in targets}, {each.metric for each in targets}
        if not opened.add_views(["neighbors"], layer=layers, metric=metrics):
            return []
        found: Rows = opened.rows(queries.text("tied_votes"))
    names = {(each.model, each.layer, each.metric): each.name for each in targets}
    rows: Rows = []
    for row in found:
        key = (row["model"], row["layer"], row["metric"])
        if key in names:
            low, high = intervals.wilson(row["n_tied"], row["n"])
            rows.append({"target": names[key], **row, "low": low, "high": high})
    return rows
