"""Percentile bootstrap over samples: how often each sample is drawn, and intervals from the draws.

A resample of n samples is kept as n counts that sum to n. All statistics of one set of samples share
the same counts, so differences between statistics are paired; two sets get counts of their own.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float64, Int32

LEVEL = 0.95
_TAILS = (0.025, 0.975)
MAX_UNDEFINED_SHARE = 0.01  # more resamples without a value than this: no interval is given
BLOCK_BYTES = 48 * 2**20  # of counts held at once; a block of resamples is cut to fit


def count_blocks(
    n: int, n_resamples: int, generator: np.random.Generator, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[slice, Int32[np.ndarray, "block n"]]]:
    """Yield blocks of resamples as (their positions, how often each of the n samples is drawn).

    Every row of counts sums to n. Each resample is drawn on its own, so the counts do not depend on
    `block_bytes`.
    """
    block = max(1, min(n_resamples, block_bytes // (8 * max(n, 1))))
    for start in range(0, n_resamples, block):
        stop = min(start + block, n_resamples)
        counts = np.empty((stop - start, n), dtype=np.int32)
        for row in counts:
            row[:] = np.bincount(generator.integers(0, n, size=n), minlength=n)
        yield slice(start, stop), counts


def weighted_sums(
    counts: Int32[np.ndarray, "block n"], columns: Bool[np.ndarray, "n columns"]
) -> Float64[np.ndarray, "block columns"]:
    """Return how many drawn samples are true in each column; whole numbers, exact below 2**53."""
    return counts.astype(np.float64) @ columns.astype(np.float64)


def interval(values: Float64[np.ndarray, " resamples"]) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a bootstrapped statistic.

    NaN marks resamples in which the statistic is undefined. They are left out while they are at most
    1 % of the resamples; beyond that no interval is given (None).

    >>> interval(np.arange(1001.0))
    (25.0, 975.0)
    >>> interval(np.array([np.nan, 1.0])) is None
    True
    """
    undefined = np.isnan(values)
    if len(values) == 0 or undefined.mean() > MAX_UNDEFINED_SHARE:
        return None
    low, high = np.quantile(values[~undefined], _TAILS)
    return float(low), float(high)
