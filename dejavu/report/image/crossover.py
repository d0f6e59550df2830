"""The crossover of the image lane: the yardstick where a second model was trained here."""

import dataclasses

import numpy as np

from dejavu.image.targets import Target
from dejavu.roles import TARGET
from dejavu.statistics import crossover
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.listing import log_odds
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """The crossover of one target model; None with the reason where there is none."""

    hard: Difference | None  # right or wrong, in shares
    soft: Difference | None  # log odds of the votes, in nats
    reason: str | None = None


def crossed(catalog: Catalog, target: Target) -> Crossed:
    """Return the crossover of a target, or why there is none."""
    if len(target.roles_seen) > 1:
        seen = ", ".join(target.roles_seen)
        return Crossed(hard=None, soft=None, reason=f"the network saw the roles {seen} alike")
    if target.second_model is None:
        return Crossed(hard=None, soft=None, reason="there is no second model of its recipe")
    if not catalog.add_views(["crossover"]):
        return Crossed(hard=None, soft=None, reason="the reference role was not attacked")
    rows = catalog.table(queries.text("crossover_pairs"), {"target": target.name})
    if not rows.num_rows:
        return Crossed(hard=None, soft=None, reason="its second model was not trained here")
    is_target = np.array(rows["role"].to_pylist()) == TARGET
    group = rows["group_id"].to_numpy()

    def of(first: np.ndarray, second: np.ndarray) -> Difference | None:
        on_target, on_reference = (
            crossover.side(first[own], second[own], group[own]) for own in (is_target, ~is_target)
        )
        return crossover.crossover(on_target, on_reference)

    def numbers(name: str) -> np.ndarray:
        return rows[name].to_numpy(zero_copy_only=False).astype(np.float64)

    n_votes = numbers("n_votes")
    hard = of(numbers("target_correct"), numbers("second_correct"))
    soft = of(
        log_odds(numbers("target_votes"), n_votes), log_odds(numbers("second_votes"), n_votes)
    )
    reason = None if hard else "a role has too few groups of duplicates"
    return Crossed(hard=hard, soft=soft, reason=reason)
