"""Percentile bootstrap over groups of duplicates: how often each sample is drawn, intervals from the draws.

Duplicates are drawn together: they are no independent evidence. A resample of G groups is kept as one count
per sample; the counts of groups sum to G. All statistics of one set of samples share the same counts, so
differences between statistics are paired; two sets get counts of their own.

Counts of several resamples lie side by side (one row per sample, one column per resample): picking a
sample's row then fetches all of its counts at once, and sums over samples are one matrix product.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64

LEVEL = 0.95
_TAILS = (0.025, 0.975)
MAX_UNDEFINED_SHARE = 0.01  # more resamples without a value than this: no interval is given
BLOCK_CELLS = 10_000_000  # counts held at once; resamples come in blocks that fit
KIND_CELLS = 4_000_000  # resampled counts of kinds held at once
_FLOAT32_EXACT = 2**24  # whole numbers up to here are exact in float32
_SAMPLES_AT_ONCE = 8_192  # of a tally turned into floats at once, so that they stay in the cache


def count_blocks(
    group: Int64[np.ndarray, " n"],
    n_resamples: int,
    generator: np.random.Generator,
    *,
    block_cells: int = BLOCK_CELLS,
) -> Iterator[tuple[slice, Int16[np.ndarray, "n block"]]]:
    """Yield blocks of resamples as (their positions, how often each of the n samples is drawn).

    Each resample is drawn on its own, so the counts do not depend on `block_cells`. Where groups differ in
    size, the number of drawn samples differs between resamples.

    Args:
        group: samples of one group are drawn together, as often as their group.
        n_resamples: B.
        generator: source of the resamples.
        block_cells: counts held at once.
    """
    known, group_row = np.unique(group, return_inverse=True)
    n, n_groups = len(group), len(known)
    block = max(1, min(n_resamples, block_cells // max(n, 1)))
    for start in range(0, n_resamples, block):
        stop = min(start + block, n_resamples)
        rows = np.empty((stop - start, n), dtype=np.int16)
        for row in rows:
            picked = generator.integers(0, n_groups, size=n_groups, dtype=np.int32)
            drawn = np.bincount(picked, minlength=n_groups)
            assert drawn.max(initial=0) < 2**15  # chance below 1e-100 from 32,768 groups on
            row[:] = drawn[group_row]
        yield slice(start, stop), np.ascontiguousarray(rows.T)


class Tally:
    """Counts, in every resample, of the drawn samples that have a property; one column per property."""

    def __init__(self, columns: Sequence[Bool[np.ndarray, " n"]]) -> None:
        n = len(columns[0]) if columns else 0
        self._columns = np.empty((len(columns), n), dtype=bool)
        for row, column in zip(self._columns, columns, strict=True):
            row[:] = column

    def of(self, counts: Int16[np.ndarray, "n block"]) -> Float64[np.ndarray, "block columns"]:
        """Return the counts: whole numbers, whatever the order in which they were added."""
        n_drawn = int(counts.sum(axis=0, dtype=np.int64).max(initial=0))
        exact = np.float32 if n_drawn < _FLOAT32_EXACT else np.float64
        sums: np.ndarray = np.zeros((len(self._columns), counts.shape[1]), dtype=exact)
        for start in range(0, self._columns.shape[1], _SAMPLES_AT_ONCE):
            own = slice(start, start + _SAMPLES_AT_ONCE)
            sums += np.matmul(self._columns[:, own].astype(exact), counts[own].astype(exact))
        return sums.T.astype(np.float64)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """Groups of duplicates that count alike: how many there are of each kind, and what one has.

    A resample of groups is a resample of the counts of kinds, so forty million samples cost what a thousand
    do.
    """

    counts: Int64[np.ndarray, " kinds"]  # groups
    sizes: Int64[np.ndarray, " kinds"]  # samples in a group
    sums: Float64[np.ndarray, "kinds columns"]  # over the samples of a group

    @property
    def n(self) -> int:
        """Return the number of samples."""
        return int(self.counts @ self.sizes)

    def means(self) -> Float64[np.ndarray, " columns"]:
        """Return the means per sample."""
        return self.counts @ self.sums / self.n

    def resampled(
        self,
        n_resamples: int,
        generator: np.random.Generator,
        *,
        block_cells: int = KIND_CELLS,
    ) -> Float64[np.ndarray, "resamples columns"]:
        """Return the means per sample in resamples of the groups; columns of a resample share its draw.

        Args:
            n_resamples: B.
            generator: source of the resamples; they do not depend on `block_cells`.
            block_cells: counts held at once.
        """
        n = int(self.counts.sum())
        block = max(1, block_cells // len(self.counts))
        parts = []
        for start in range(0, n_resamples, block):
            size = min(block, n_resamples - start)
            drawn = generator.multinomial(n, self.counts / n, size=size)
            parts.append(drawn @ self.sums / (drawn @ self.sizes)[:, np.newaxis])
        return np.concatenate(parts)


def kinds(
    counts: Int64[np.ndarray, " cells"],
    group: Int64[np.ndarray, " cells"],
    values: Float64[np.ndarray, "cells columns"],
) -> Kinds:
    """Return the kinds of groups, from cells of samples that are alike.

    Args:
        counts: samples in each cell.
        group: the group that a cell's samples are part of; below 0: each of them is a group of its own.
        values: what every sample of a cell has.
    """
    alone = group < 0
    _, row = np.unique(group[~alone], return_inverse=True)
    n_groups = int(row.max(initial=-1)) + 1
    of_groups = counts[~alone]
    sizes = np.bincount(row, of_groups, minlength=n_groups).astype(np.int64)
    sums = np.zeros((n_groups, values.shape[1]))
    np.add.at(sums, row, of_groups[:, np.newaxis] * values[~alone])
    ones = np.ones(int(alone.sum()), dtype=np.int64)
    return Kinds(
        counts=np.concatenate([counts[alone], np.ones(n_groups, dtype=np.int64)]),
        sizes=np.concatenate([ones, sizes]),
        sums=np.concatenate([values[alone], sums]),
    )


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
