"""The distance to the nearest public sample: what was trained on has a place of its own (sign: +).

With the metric cosine it is 1 − cosine, with l2 the Euclidean distance.
"""

import numpy as np
from jaxtyping import Float64

from dejavu.measures import Attacked, Measure


def _of(attacked: Attacked) -> Float64[np.ndarray, " n"]:
    nearest = attacked.neighbors.similarities[:, 0]
    if attacked.neighbors.metric == "cosine":
        return 1.0 - nearest
    return np.sqrt(np.maximum(-nearest, 0.0))


MEASURE = Measure(unit="", of=_of)
