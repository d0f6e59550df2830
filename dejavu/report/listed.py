"""How many samples are listed as memorized, from the table ``memorized_samples``."""

import dataclasses

from dejavu.statistics.listing import control_needed
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListCounts:
    """The list of one target model."""

    n_listed: int
    n_target: int
    n_control: int  # samples that p-values come from
    n_control_needed: int | None  # with which the head of an empty list would be listed


def counts(catalog: Catalog, lane: str, share: float) -> dict[str, ListCounts]:
    """Return the counts of every target of a lane that has a list.

    Args:
        catalog: has the view ``memorized_samples``.
        lane: image or caption.
        share: of false entries that is allowed, the level that the list was made at.
    """
    found = {}
    for row in catalog.table(queries.text("memorized_counts")).to_pylist():
        if row["lane"] != lane:
            continue
        n_target, n_above, n_listed = (row[name] for name in ("n_target", "n_above", "n_listed"))
        found[row["target"]] = ListCounts(
            n_listed=n_listed,
            n_target=n_target,
            n_control=row["n_control"],
            n_control_needed=None if n_listed else control_needed(n_target, n_above, share),
        )
    return found
