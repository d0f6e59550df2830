"""The crossover of either lane: the yardstick where a second model was trained here."""

import dataclasses
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.roles import TARGET
from dejavu.statistics import crossover
from dejavu.statistics.adjusted import Difference
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """The crossover of one target model; without any, the reason."""

    hard: Difference | None = None  # right or wrong, in shares; caption lane: recall
    soft: Difference | None = None  # log odds of the votes, in nats; None in the caption lane
    more: Mapping[str, Difference | None] = dataclasses.field(default_factory=dict)  # by key
    reason: str | None = None


def of_image(
    catalog: Catalog, target: str, second_model: str | None, roles_seen: Sequence[str]
) -> Crossed:
    """Return the crossover of a predictor of the image lane, or why there is none."""
    found = _measured(catalog, "image", target, second_model, roles_seen)
    if isinstance(found, str):
        return Crossed(reason=found)
    return Crossed(hard=found["hard"], soft=found["soft"])


def of_captions(
    catalog: Catalog, target: str, second_model: str | None, roles_seen: Sequence[str]
) -> Crossed:
    """Return the crossover of a captioned model at its headline setting, or why there is none."""
    found = _measured(catalog, "caption", target, second_model, roles_seen)
    if isinstance(found, str):
        return Crossed(reason=found)
    return Crossed(hard=found["recall"], more={"crossover_precision": found["precision"]})


def _measured(
    catalog: Catalog, lane: str, target: str, second_model: str | None, roles_seen: Sequence[str]
) -> dict[str, Difference | None] | str:
    """Return the crossover by measure, or the reason why there is none."""
    if len(roles_seen) > 1:
        return f"the network saw the roles {', '.join(roles_seen)} alike"
    if second_model is None:
        return "there is no second model of its recipe"
    if not catalog.add_views(["crossover"]):
        return "the reference role was not attacked"
    rows = catalog.table(queries.text("crossover_pairs"), {"lane": lane, "target": target})
    if not rows.num_rows:
        return (
            "its second model was not trained here, or no sample of the reference role was scored"
        )
    names = sorted(set(rows["measure"].to_pylist()))
    return {name: _crossed(rows.filter(pc.equal(rows["measure"], name))) for name in names}


def _crossed(rows: pa.Table) -> Difference | None:
    is_target = pc.equal(rows["role"], TARGET).to_numpy()
    group, first, second = (
        rows[name].to_numpy() for name in ("group_id", "target_value", "second_value")
    )
    on_target, on_reference = (
        crossover.side(first[own], second[own], group[own]) for own in (is_target, ~is_target)
    )
    return crossover.crossover(on_target, on_reference)
