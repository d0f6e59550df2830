"""Whether a vote that nearness weighs names the hidden label: another h of Definition 1 (sign: +)."""

import numpy as np
from jaxtyping import Float64

from dejavu.measures import Attacked, Measure
from dejavu.statistics.kernel_vote import vote_of


def _of(attacked: Attacked) -> Float64[np.ndarray, " n"] | None:
    near = attacked.neighbors
    if near.labels is None or attacked.labels is None:
        return None
    return vote_of(
        near.labels, near.similarities, attacked.labels, scale=scale_of(attacked)
    ).is_right


def scale_of(attacked: Attacked) -> float:
    """Return what similarities are divided by: the temperature, in units of the metric."""
    near = attacked.neighbors
    return near.temperature * (1.0 if near.metric == "cosine" else 2.0 * near.spread)


MEASURE = Measure(unit="share", of=_of, ranks=False)
