"""Other measures: each with control, adjusted excess, and members found at few false positives."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64, Int64

from dejavu import measures
from dejavu.errors import ArtifactError
from dejavu.report.numbers import Estimate, bounded
from dejavu.statistics.adjusted import Adjustment, Difference, Side, unadjusted
from dejavu.statistics.intervals import clopper_pearson, least_control
from dejavu.statistics.membership import at_false_positives
from dejavu.tables import by_sample, queries
from dejavu.tables.catalog import Catalog

PERCENTS = (1, 0.1)  # false positives at which members are counted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The samples that are compared, and how: the same as for the votes."""

    sample_id: Int64[np.ndarray, " n"]
    sides: Callable[[np.ndarray], tuple[Side, Side]]  # of a measure
    adjustment: Adjustment


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measure of one target model; numbers in its unit."""

    unit: str  # empty: a plain number
    mean_target: float
    mean_control: float
    adjusted: Difference | None
    gap: Difference | None
    found: Mapping[
        float | int, Estimate
    ]  # share of target above the cut, by percent of false positives


def measured(catalog: Catalog, lane: str, target: str, compared: Compared) -> dict[str, Measured]:
    """Return every measure of a target model by name; empty where none was taken.

    Raises:
        ArtifactError: a sample that is compared was not measured.
    """
    if not catalog.add_views(["measures"]):
        return {}
    rows = catalog.table(queries.text("measured_samples"), {"lane": lane, "target": target})
    return {
        name: _measured(name, rows.filter(pc.equal(rows["measure"], name)), target, compared)
        for name in sorted(set(rows["measure"].to_pylist()))
    }


def _measured(name: str, rows: pa.Table, target: str, compared: Compared) -> Measured:
    places, exists = by_sample.positions(rows["sample_id"].to_numpy(), compared.sample_id)
    if not exists.all():
        raise ArtifactError(
            f"measures: {target!r} has no {name} of {int((~exists).sum())} samples that are compared. Run "
            "`dvc repro` to measure again."
        )
    y = rows["value"].to_numpy()[places]
    sides = compared.sides(y)
    own, other = (side.y for side in sides)
    about = measures.load(name)
    return Measured(
        unit=about.unit,
        mean_target=float(own.mean()),
        mean_control=float(other.mean()),
        adjusted=compared.adjustment.difference(own, other),
        gap=unadjusted(*sides),
        found={percent: _found(own, other, percent, about.ranks) for percent in PERCENTS},
    )


def _found(
    target: Float64[np.ndarray, " n"],
    control: Float64[np.ndarray, " n_control"],
    percent: float | int,
    ranks: bool,
) -> Estimate:
    """Return the share of target above the cut; without enough control samples the reason."""
    if not ranks:
        return Estimate(value=None, reason="right or wrong puts no sample above another")
    needed = least_control(percent)
    if len(control) < needed:
        reason = f"a cut at {percent:g} % needs {needed:,} control samples, found {len(control):,}"
        return Estimate(value=None, reason=reason)
    cut = at_false_positives(target, control, percent)
    n_above, n = cut.n_target_above, cut.n_target
    return bounded(n_above / n, lambda: clopper_pearson(n_above, n))
