"""Statistics of the most confident p % of the samples, and their value in each resample."""

import numpy as np
from jaxtyping import Float64, Int32, Int64


def n_most_confident(percent: int, n: int) -> int:
    """Return how many samples p % of n are: floor(p·n/100), at least 1.

    >>> [n_most_confident(p, 512) for p in (20, 5)], n_most_confident(5, 7)
    ([102, 25], 1)
    """
    return max(1, percent * n // 100)


def by_confidence(entropy: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return the rows from most to least confident (confidence = minus entropy).

    Equal entropies keep their order: give rows sorted by sample_id, and ties go to the smaller id.

    >>> by_confidence(np.array([0.5, 0.1, 0.5])).tolist()
    [1, 0, 2]
    """
    return np.argsort(entropy, kind="stable")


def top_counts(
    counts: Int32[np.ndarray, "block n"], order: Int64[np.ndarray, " n"], n_top: int
) -> Int32[np.ndarray, "block m"]:
    """Return how often each of the first m rows of `order` is among the first `n_top` drawn.

    In a resample, a sample drawn three times takes three places of the ranking; the sample at the
    border takes the places that are left. m ≤ n is as long a prefix of `order` as any resample of the
    block needs, and every row of the result sums to `n_top`.
    """
    n = len(order)
    m = min(n, n_top + 8 * int(np.sqrt(n_top)) + 16)
    while True:
        drawn = np.take(counts, order[:m], axis=1)
        seen = np.cumsum(drawn, axis=1, dtype=np.int32)
        if m == n or int(seen[:, -1].min()) >= n_top:
            break
        m = min(n, 2 * m)
    seen -= drawn  # drawn before this row
    return np.clip(n_top - seen, 0, drawn)
