"""The cosine between a caption and its own image: contrastive training raises it (sign: +). Caption lane."""

import numpy as np
from jaxtyping import Float64

from dejavu.measures import Attacked, Measure
from dejavu.search.similarity import similarity


def _of(attacked: Attacked) -> Float64[np.ndarray, " n"] | None:
    if attacked.images is None:
        return None
    return similarity(attacked.vectors, attacked.images, "cosine")


MEASURE = Measure(unit="", of=_of, is_by_metric=False)
