"""How many samples are listed as memorized, from the table ``memorized_samples``."""

import dataclasses
import functools

from dejavu.report.numbers import Estimate, Node, bounded
from dejavu.statistics import intervals
from dejavu.statistics.listing import control_needed
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import rows_as


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """How well z finds the target samples that were repeated in training."""

    auroc: Estimate  # against other target samples
    n_planted: int
    n_other: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListCounts:
    """The list of one target model."""

    n_listed: int
    n_target: int
    n_control: int  # samples that p-values come from
    n_control_needed: int | None  # with which the head of an empty list would be listed
    planted: Planted | None  # None: nothing is planted, or nobody knows

    def node(self) -> Node:
        """Return the list as in results.json."""
        found: Node = {
            name: getattr(self, name)
            for name in ("n_listed", "n_target", "n_control", "n_control_needed")
        }
        if self.planted is not None:
            found |= self.planted.auroc.node("planted_auroc")
            found |= {"n_planted": self.planted.n_planted, "n_planted_other": self.planted.n_other}
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Counted:
    """Query ``memorized_counts``: the list of one target."""

    lane: str
    target: str
    n_target: int
    n_control: int
    n_listed: int
    n_above: int  # target samples above everything that they are compared with


@dataclasses.dataclass(frozen=True, slots=True)
class _PlantedCounts:
    """Query ``memorized_planted``: z of planted against other target samples."""

    lane: str
    target: str
    n_planted: int
    n_other: int
    wins_doubled: int
    auroc: float


def counts(catalog: Catalog, lane: str, share: float) -> dict[str, ListCounts]:
    """Return the counts of every target of a lane that has a list.

    Args:
        catalog: has the view ``memorized_samples``.
        lane: image or caption.
        share: of false entries that is allowed, the level that the list was made at.
    """
    planted = _planted(catalog, lane)
    rows = rows_as(_Counted, catalog.table(queries.text("memorized_counts")))
    return {
        row.target: ListCounts(
            n_listed=row.n_listed,
            n_target=row.n_target,
            n_control=row.n_control,
            n_control_needed=(
                None if row.n_listed else control_needed(row.n_target, row.n_above, share)
            ),
            planted=planted.get(row.target),
        )
        for row in rows
        if row.lane == lane
    }


def _planted(catalog: Catalog, lane: str) -> dict[str, Planted]:
    found = {}
    for row in rows_as(_PlantedCounts, catalog.table(queries.text("memorized_planted"))):
        if row.lane == lane:
            area, n, n_other = row.auroc, row.n_planted, row.n_other
            auroc = bounded(area, functools.partial(intervals.auroc_small, area, n, n_other))
            found[row.target] = Planted(auroc=auroc, n_planted=n, n_other=n_other)
    return found
