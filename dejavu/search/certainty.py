"""When float32 candidates prove that no other vector belongs among the nearest.

FAISS computes ``|q|² + |b|² - 2 q·b``, or ``q·b``, in float32. Whatever the order of the sums, each of the
``dim`` products and additions errs by at most eps/2 of what it adds, and what is added never exceeds
(|q| + |b|)², or |q|·|b|. `error_bound` allows twice that. A vector that was no candidate can therefore be
more similar than the worst candidate by half a bound at most; `is_unsure` asks for a whole one, so that
similarities rounded to nine digits cannot reach each other either.
"""

import numpy as np
from jaxtyping import Bool, Float64

from dejavu.search.similarity import Metric

EPSILON = float(np.finfo(np.float32).eps)
_OTHER_STEPS = 8  # centering, scaling to length 1, squares and the last additions


def error_bound(
    norms: Float64[np.ndarray, " n"], largest_norm: float, *, dim: int, metric: Metric
) -> Float64[np.ndarray, " n"]:
    """Bound the error of float32 similarities: (dim + 8)·eps times (|q| + |b|)² or |q|·|b|.

    Args:
        norms: of the queries, as FAISS sees them.
        largest_norm: of all vectors of the bank, as FAISS sees them.
        dim: length of the vectors.
        metric: ``l2`` or ``cosine``.

    >>> error_bound(np.array([1.0]), 1.0, dim=24, metric="l2").tolist() == [32 * 2.0**-23 * 4]
    True
    """
    summed = (norms + largest_norm) ** 2 if metric == "l2" else norms * largest_norm
    return (dim + _OTHER_STEPS) * EPSILON * summed


def is_unsure(
    last_found: Float64[np.ndarray, " n"],
    worst_candidate: Float64[np.ndarray, " n"],
    bound: Float64[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Return for which queries a vector that was no candidate might be among the nearest.

    Args:
        last_found: exact similarity of the k-th nearest candidate.
        worst_candidate: float32 similarity of the last candidate; no other vector's is higher.
        bound: see `error_bound`.
    """
    return last_found <= worst_candidate + bound
