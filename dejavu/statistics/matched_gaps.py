"""Gaps that count signs, matched: a target sample against control samples of equal size (ours).

PPG and PRG (paper, equation 4) count how often a model beats a reference. They are not linear, so that the
reference does not cancel between target and control. Here the model is compared with itself: its precision,
or its recall, on a target sample against that on every control sample with as many true objects.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dejavu.statistics.adjusted import MIN_GROUPS, Difference, n_distinct


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What one model reached on the attacked samples of one role."""

    y: Float64[np.ndarray, " n"]  # precision or recall: a quotient of two whole numbers
    n_objects: Int64[np.ndarray, " n"]  # true objects: the stratum
    group: Int64[np.ndarray, " n"]  # duplicates share a group


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MatchedGap:
    """P(target above control) − P(below) over pairs with equally many objects, in [-1, 1]."""

    difference: Difference
    n_left_out: int  # target samples in a stratum without control


def matched_gap(target: Values, control: Values) -> MatchedGap | None:
    """Return the gap over all pairs within strata; a stratum's weight is its number of target samples.

    Equal quotients of whole numbers below 2^26 are equal in float64, unequal ones unequal: ties are exact.
    The standard error adds the spread, over groups, of each target sample's own gap and of each control
    sample's share in the sum. The only control sample of its stratum is centred at the mean of all of
    them, since it has no spread of its own.

    Returns:
        None where a role has fewer than 4 groups in common strata: an interval would mean nothing.
    """
    strata = np.intersect1d(target.n_objects, control.n_objects)
    in_target, in_control = (np.isin(side.n_objects, strata) for side in (target, control))
    left_out = int((~in_target).sum())
    of_target, of_control = _kept(target, in_target), _kept(control, in_control)
    n_groups = [n_distinct(side.group) for side in (of_target, of_control)]
    if min(n_groups) < MIN_GROUPS:
        return None
    row_target = np.searchsorted(strata, of_target.n_objects)
    row_control = np.searchsorted(strata, of_control.n_objects)
    gap_target = _mean_sign(of_target.y, row_target, of_control.y, row_control, len(strata))
    gap_control = -_mean_sign(of_control.y, row_control, of_target.y, row_target, len(strata))
    value = float(gap_target.mean())
    n_target, n_control = len(gap_target), len(gap_control)
    weight = np.bincount(row_target) / n_target / np.bincount(row_control)  # of a control sample
    variances = (
        _spread((gap_target - value) / n_target, of_target.group),
        _spread(weight[row_control] * _centred(gap_control, row_control), of_control.group),
    )
    total = sum(variances)
    parts = sum(v**2 / (n - 1) for v, n in zip(variances, n_groups, strict=True))
    df = total**2 / parts if parts > 0 else float(min(n_groups) - 1)
    difference = Difference(
        value=value, se=float(np.sqrt(total)), df=df, n_target=n_target, n_control=n_control
    )
    return MatchedGap(difference=difference, n_left_out=left_out)


def _kept(side: Values, rows: Bool[np.ndarray, " n"]) -> Values:
    return Values(y=side.y[rows], n_objects=side.n_objects[rows], group=side.group[rows])


def _mean_sign(
    y: Float64[np.ndarray, " n"],
    row: Int64[np.ndarray, " n"],
    other: Float64[np.ndarray, " m"],
    other_row: Int64[np.ndarray, " m"],
    n_strata: int,
) -> Float64[np.ndarray, " n"]:
    """Return, per sample, the mean sign of y − the other's y over the others in its stratum."""
    known, rank = np.unique(np.concatenate([y, other]), return_inverse=True)
    key = row * len(known) + rank[: len(y)]
    ranked = np.sort(other_row * len(known) + rank[len(y) :])
    start = np.searchsorted(ranked, np.arange(n_strata + 1) * len(known))
    below = np.searchsorted(ranked, key, side="left") - start[row]
    above = start[row + 1] - np.searchsorted(ranked, key, side="right")
    return (below - above) / (start[row + 1] - start[row])


def _centred(
    gap: Float64[np.ndarray, " n"], row: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return gaps about their stratum's mean, scaled for the degree of freedom which that mean takes."""
    n = np.bincount(row)[row]
    mean = (np.bincount(row, gap) / np.bincount(row))[row]
    scaled = (gap - mean) * np.sqrt(n / np.maximum(n - 1, 1))
    return np.where(n > 1, scaled, gap - gap.mean())


def _spread(parts: Float64[np.ndarray, " n"], group: Int64[np.ndarray, " n"]) -> float:
    """Return the variance of a sum of independent groups."""
    _, row = np.unique(group, return_inverse=True)
    sums = np.bincount(row, parts)
    return float((sums**2).sum() * len(sums) / (len(sums) - 1))
