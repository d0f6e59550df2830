"""Percentile bootstrap over samples: how often each sample is drawn, and intervals from the draws.

A resample of n samples is kept as n counts that sum to n. All statistics of one set of samples share
the same counts, so differences between statistics are paired; two sets get counts of their own.

Counts of several resamples lie side by side (one row per sample, one column per resample): picking a
sample's row then fetches all of its counts at once, and sums over samples are one matrix product.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

LEVEL = 0.95
_TAILS = (0.025, 0.975)
MAX_UNDEFINED_SHARE = 0.01  # more resamples without a value than this: no interval is given
BLOCK_CELLS = 10_000_000  # counts held at once; resamples come in blocks that fit
KIND_CELLS = 4_000_000  # resampled counts of kinds held at once
_FLOAT32_EXACT = 2**24  # whole numbers up to here are exact in float32
_COLUMNS_AT_ONCE = 64  # of a tally turned into floats at once


def count_blocks(
    n: int, n_resamples: int, generator: np.random.Generator, *, block_cells: int = BLOCK_CELLS
) -> Iterator[tuple[slice, Int16[np.ndarray, "n block"]]]:
    """Yield blocks of resamples as (their positions, how often each of the n samples is drawn).

    Every column of counts sums to n. Each resample is drawn on its own, so the counts do not depend
    on `block_cells`.
    """
    block = max(1, min(n_resamples, block_cells // max(n, 1)))
    for start in range(0, n_resamples, block):
        stop = min(start + block, n_resamples)
        rows = np.empty((stop - start, n), dtype=np.int16)
        for row in rows:
            drawn = np.bincount(generator.integers(0, n, size=n, dtype=np.int32), minlength=n)
            assert drawn.max(initial=0) < 2**15  # chance below 1e-100 from 32,768 samples on
            row[:] = drawn
        yield slice(start, stop), np.ascontiguousarray(rows.T)


class Tally:
    """Counts, in every resample, of the drawn samples that have a property; one column per property."""

    def __init__(self, columns: Sequence[Bool[np.ndarray, " n"]]) -> None:
        self._chunks = [
            np.stack(columns[start : start + _COLUMNS_AT_ONCE])
            for start in range(0, len(columns), _COLUMNS_AT_ONCE)
        ]

    def of(self, counts: Int16[np.ndarray, "n block"]) -> Float64[np.ndarray, "block columns"]:
        """Return the counts: whole numbers, whatever the order in which they were added."""
        exact = np.float32 if len(counts) < _FLOAT32_EXACT else np.float64
        weights: np.ndarray = counts.astype(exact)
        with threadpool_limits(1, user_api="blas"):  # its threads wait for each other under load
            sums = [np.matmul(chunk.astype(exact), weights).T for chunk in self._chunks]
        empty = np.empty((counts.shape[1], 0))
        return np.concatenate([empty, *sums], axis=1, dtype=np.float64)


def weighted_means(
    counts: Int64[np.ndarray, " kinds"],
    values: Float64[np.ndarray, "kinds columns"],
    n_resamples: int,
    generator: np.random.Generator,
    *,
    block_cells: int = KIND_CELLS,
) -> Float64[np.ndarray, "resamples columns"]:
    """Return the means of columns over resamples of samples that fall into few kinds.

    A resample of samples is a resample of the counts of kinds, so forty million samples cost what a
    thousand do. All columns of a resample share its draw.

    Args:
        counts: samples of each kind.
        values: what every sample of a kind has.
        n_resamples: B.
        generator: source of the resamples; they do not depend on `block_cells`.
        block_cells: counts held at once.
    """
    n = int(counts.sum())
    block = max(1, block_cells // len(counts))
    parts = []
    for start in range(0, n_resamples, block):
        size = min(block, n_resamples - start)
        parts.append(generator.multinomial(n, counts / n, size=size) @ values / n)
    return np.concatenate(parts)


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
