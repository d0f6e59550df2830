"""Tables about the references themselves, on target samples: accuracy by label, agreement, intersection."""

import dataclasses

from dejavu.report import paper
from dejavu.report.numbers import Rows
from dejavu.statistics import intervals
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTables:
    """Rows of the three tables, each with ``low`` and ``high``: Wilson's interval of its share."""

    by_class: Rows
    agreement: Rows
    intersection: Rows


def reference_tables(catalog: Catalog) -> ReferenceTables:
    """Return the tables of Figures 2b and 3a and Table 1 of the paper.

    Args:
        catalog: views ``predictions``, ``labels`` and ``targets``.
    """
    intersection = _with_bounds(catalog, "image_intersection", "n_recovered", "n_intersection")
    for row in intersection:
        row["paper"] = paper.TABLE_1.get(row["reference"], {}).get(row["scope"])
    return ReferenceTables(
        by_class=_with_bounds(catalog, "image_correlations_by_class", "n_correct", "n"),
        agreement=_with_bounds(catalog, "image_agreement", "n_both_right", "n_either_right"),
        intersection=intersection,
    )


def _with_bounds(catalog: Catalog, query: str, hits: str, of: str) -> Rows:
    rows: Rows = catalog.rows(queries.text(query))
    for row in rows:
        known = row[of] > 0
        row["low"], row["high"] = intervals.wilson(row[hits], row[of]) if known else (None, None)
    return rows
