"""When candidates in float32 or less prove that no other vector belongs among the nearest.

FAISS and torch compute ``|q|² + |b|² - 2 q·b``, or ``q·b``, in float32. Whatever the order of the sums, each
of the ``dim`` products and additions errs by at most eps/2 of what it adds, and what is added never exceeds
(|q| + |b|)², or |q|·|b|. `error_bound` allows twice that. A vector that was no candidate can therefore be
more similar than the worst candidate by half a bound at most; `is_unsure` asks for a whole one, so that
similarities rounded to nine digits cannot reach each other either.

Where vectors are rounded to 16 bits first, q to q + δ and b to b + ε, products of the rounded are exact in
float32 and summed in it as above. What rounding adds to q·b is (q + δ)·(b + ε) - q·b = δ·(b + ε) + q·ε, at
most |δ|·(|b| + |ε|) + |q|·|ε| (`rounding_bound`). The lengths |δ| and |ε| are measured, not estimated: they
are two fifths of what the format may do to a vector, so that fewer queries are unsure.
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


def rounding_bound(
    norms: Float64[np.ndarray, " n"],
    roundings: Float64[np.ndarray, " n"],
    largest_norm: float,
    largest_rounding: float,
    *,
    metric: Metric,
) -> Float64[np.ndarray, " n"]:
    """Bound what similarities change by where vectors are rounded first; `error_bound` comes on top.

    Args:
        norms: of the queries before rounding.
        roundings: length of what rounding added to each query.
        largest_norm: of all vectors of the bank before rounding.
        largest_rounding: the longest that rounding added to any of them.
        metric: ``l2``, where q·b counts twice, or ``cosine``.

    >>> rounding_bound(np.array([2.0]), np.array([0.5]), 3.0, 1.0, metric="cosine").tolist()
    [4.0]
    """
    product = roundings * (largest_norm + largest_rounding) + norms * largest_rounding
    return 2 * product if metric == "l2" else product


def is_unsure(
    last_found: Float64[np.ndarray, " n"],
    worst_candidate: Float64[np.ndarray, " n"],
    bound: Float64[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Return for which queries a vector that was no candidate might be among the nearest.

    Args:
        last_found: exact similarity of the k-th nearest candidate.
        worst_candidate: similarity of the last candidate as it was proposed; no other vector's is higher.
        bound: see `error_bound` and `rounding_bound`.
    """
    # similarities that are no finite numbers (products beyond float32) prove nothing
    return ~((last_found > worst_candidate + bound) & np.isfinite(worst_candidate))
