"""How many votes tie, so that the rule for ties (ours) decides: per target and role."""

from collections.abc import Sequence
from pathlib import Path

from dejavu.image.targets import Target
from dejavu.report.image.table_records import TiedCounts, TiedVotes
from dejavu.tables import catalog, queries
from dejavu.tables.records import rows_as


def tied_votes(data: Path, targets: Sequence[Target]) -> list[TiedVotes]:
    """Return the share of tied votes of each target on the samples of each role.

    A target whose guesses came without neighbors has no row: nobody knows its votes.

    Args:
        data: folder of the run's data.
        targets: the predictors under audit.
    """
    layers = {each.layer for each in targets if each.layer}
    metrics = {each.metric for each in targets if each.metric}
    if not layers:
        return []
    with catalog.connect(data, only=["samples", "splits"], sandboxed=False) as opened:
        if not opened.add_views(["neighbors"], layer=layers, metric=metrics):
            return []
        found = rows_as(TiedCounts, opened.table(queries.text("tied_votes")))
    names = {(each.model, each.layer, each.metric): each.name for each in targets}
    return [
        TiedVotes(names[key], each)
        for each in found
        if (key := (each.model, each.layer, each.metric)) in names
    ]
