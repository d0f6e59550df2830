"""The length of the embedding: a network answers more strongly to what it was trained on (sign: +)."""

import numpy as np
from jaxtyping import Float64

from dejavu.measures import Attacked, Measure
from dejavu.search.similarity import norms_of


def _of(attacked: Attacked) -> Float64[np.ndarray, " n"]:
    return norms_of(attacked.vectors) if attacked.lengths is None else attacked.lengths


MEASURE = Measure(unit="", of=_of, is_by_metric=False)
