"""The log odds of the weight that `kernel_vote` gives to the true label (sign: +)."""

import numpy as np
from jaxtyping import Float64

from dejavu.measures import Attacked, Measure
from dejavu.measures.kernel_vote import scale_of
from dejavu.statistics.kernel_vote import vote_of
from dejavu.statistics.listing import log_odds


def _of(attacked: Attacked) -> Float64[np.ndarray, " n"] | None:
    near = attacked.neighbors
    if near.labels is None or attacked.labels is None:
        return None
    found = vote_of(near.labels, near.similarities, attacked.labels, scale=scale_of(attacked))
    k = float(near.labels.shape[1])
    return log_odds(k * found.weight_of_truth, np.full(len(found.weight_of_truth), k))


MEASURE = Measure(unit="nats", of=_of)
