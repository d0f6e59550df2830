"""The adjusted excess: target − control, with the references as covariates (docs/method.md, ours).

A reference that is subtracted with coefficient 1 widens the interval more often than not. Here it enters
with the coefficient that makes the variance of the difference least, fitted on other folds. Nothing in the
covariates knows the model or the role, so under exchangeability of the roles the adjustment has mean 0.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64
from scipy import linalg, stats

from dejavu.roles import ATTACKED
from dejavu.run import seeds
from dejavu.statistics.design import DesignMatrix, Matrix, design
from dejavu.statistics.resampling import Kinds

N_FOLDS = 10
MIN_GROUPS = 4  # per role; with fewer there are no two folds that leave a degree of freedom


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The attacked samples of one role."""

    y: Float64[np.ndarray, " n"]  # what is measured of each sample
    x: Matrix  # (n, p), what is known of it without the model under test
    group: Int64[
        np.ndarray, " n"
    ]  # duplicates share a group; samples of different groups are independent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An estimated difference with its standard error, in the unit of what was measured."""

    value: float
    se: float  # 0 where nothing varies
    df: float  # Welch's degrees of freedom
    n_target: int
    n_control: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the two-sided interval of Welch's t at `level`."""
        half = self.half_width(level)
        return self.value - half, self.value + half

    def half_width(self, level: float = 0.95) -> float:
        """Return half the width of `interval`."""
        return float(stats.t.ppf((1 + level) / 2, self.df)) * self.se

    def upper(self, level: float) -> float:
        """Return the one-sided upper bound at `level`."""
        return self.value + float(stats.t.ppf(level, self.df)) * self.se

    @property
    def p_greater(self) -> float:
        """Return the one-sided p-value of "no greater than 0"; 1 where nothing varies and nothing differs."""
        if self.se == 0:
            return 0.0 if self.value > 0 else 1.0
        return float(stats.t.sf(self.value / self.se, self.df))


def adjusted(
    target: Side, control: Side, *, ridge: float, seed: int, purpose: str
) -> Difference | None:
    """Return the cross-fitted difference mean_T(Y − β′X) − mean_C(Y − β′X).

    Groups are dealt to K = 10 folds within each role, in an order drawn from `seed` and `purpose`; with fewer
    than 20 groups in a role K is half of them. In each fold, β minimizes over the others

        Σ_r n_r⁻² Σ_i (Y_i − Ȳ_r − β′(X_i − X̄_r))² + ridge · (tr S / p) · ‖β‖²,

    S being the matrix of the quadratic form. The fold's difference has weight (n_T,k + n_C,k) / n. Without
    any column this is the difference of means, fold by fold.

    Args:
        target: attacked samples that the model was trained on.
        control: attacked samples that no model was trained on.
        ridge: λ; 0.01 in the image lane, 0.001 in the caption lane.
        seed: the run's seed.
        purpose: names the draw of folds.

    Returns:
        None where a role has fewer than `MIN_GROUPS` groups: an interval would mean nothing.
    """
    sides = (target, control)
    n_groups = [n_distinct(side.group) for side in sides]
    if min(n_groups) < MIN_GROUPS:
        return None
    n_folds = min(N_FOLDS, *(n // 2 for n in n_groups))
    folds = [
        _folds(side.group, n_folds, seeds.generator(seed, f"{purpose}.folds.{role}"))
        for side, role in zip(sides, ATTACKED, strict=True)
    ]
    slopes = list(_slopes(sides, folds, n_folds, ridge))
    means = np.empty((2, n_folds))
    counts = np.empty((2, n_folds))
    variances = []
    for row, (side, fold) in enumerate(zip(sides, folds, strict=True)):
        counts[row] = np.bincount(fold, minlength=n_folds)
        rest = side.y - design(side.x).times(np.stack(slopes), fold)
        means[row] = np.bincount(fold, rest, minlength=n_folds) / counts[row]
        variances.append(_variance(rest - means[row][fold], side.group, n_folds))
    weights = counts.sum(axis=0) / counts.sum()
    value = float(weights @ (means[0] - means[1]))
    return _welch(value, variances, [n - n_folds for n in n_groups], [len(s.y) for s in sides])


def unadjusted(target: Side, control: Side) -> Difference | None:
    """Return mean_T(Y) − mean_C(Y), columns of X unused; for the gap, or Y minus one reference."""
    sides = (target, control)
    n_groups = [n_distinct(side.group) for side in sides]
    if min(n_groups) < MIN_GROUPS:
        return None
    value = float(target.y.mean() - control.y.mean())
    variances = [_variance(side.y - side.y.mean(), side.group, 1) for side in sides]
    return _welch(value, variances, [n - 1 for n in n_groups], [len(s.y) for s in sides])


def unadjusted_kinds(target: Kinds, control: Kinds) -> list[Difference | None]:
    """Return mean_T − mean_C of each column, as `unadjusted` does, from kinds of groups."""
    sides = (target, control)
    n_groups = [int(side.counts.sum()) for side in sides]
    if min(n_groups) < MIN_GROUPS:
        return [None] * target.sums.shape[1]
    means = [side.means() for side in sides]
    variances = []
    for side, mean, n in zip(sides, means, n_groups, strict=True):
        rest = side.sums - side.sizes[:, np.newaxis] * mean
        variances.append(side.counts @ rest**2 * n / (n - 1) / side.n**2)
    return [
        _welch(float(value), list(parts), [n - 1 for n in n_groups], [side.n for side in sides])
        for value, parts in zip(means[0] - means[1], np.stack(variances, axis=1), strict=True)
    ]


def n_distinct(values: Int64[np.ndarray, " n"]) -> int:
    """Return how many different values there are.

    By sorting: NumPy's `unique` hashes them since 2.3, which takes ten times as long for a million numbers.

    >>> n_distinct(np.array([3, 1, 3])), n_distinct(np.array([], dtype=np.int64))
    (2, 0)
    """
    ascending = np.sort(values)
    return int(np.count_nonzero(ascending[1:] != ascending[:-1])) + min(1, len(ascending))


def _folds(
    group: Int64[np.ndarray, " n"], n_folds: int, generator: np.random.Generator
) -> Int64[np.ndarray, " n"]:
    """Deal whole groups to folds in a drawn order, so that folds differ by one group at most."""
    known, row = np.unique(group, return_inverse=True)
    place = np.empty(len(known), dtype=np.int64)
    place[generator.permutation(len(known))] = np.arange(len(known)) % n_folds
    return place[row]


def _slopes(
    sides: tuple[Side, Side], folds: list[np.ndarray], n_folds: int, ridge: float
) -> Iterator[Float64[np.ndarray, " p"]]:
    """Yield β of each fold, from sums over the others: nothing is read more than once."""
    sums = [_Sums(side, fold, n_folds) for side, fold in zip(sides, folds, strict=True)]
    p = sides[0].x.shape[1]
    for fold in range(n_folds):
        form, slope = np.zeros((p, p)), np.zeros(p)
        for each in sums:
            square, cross, n = each.without(fold)
            form += square / n**2
            slope += cross / n**2
        if p == 0:
            yield slope
            continue
        penalty = ridge * np.trace(form) / p
        form[np.diag_indices(p)] += penalty
        if penalty > 0:  # then it has an inverse, and a thousand columns take no singular values
            yield linalg.solve(form, slope, assume_a="pos", overwrite_a=True, check_finite=False)
        else:
            yield np.linalg.lstsq(form, slope, rcond=None)[0]


class _Sums:
    """Moments of one role, fold by fold, about the role's mean so that nothing cancels."""

    def __init__(self, side: Side, fold: np.ndarray, n_folds: int) -> None:
        x, y = design(side.x).centred(), side.y - side.y.mean()
        mean = x.sums(np.ones(len(y))) / max(1, len(y))
        chosen = [np.flatnonzero(fold == each) for each in range(n_folds)]
        self.n = np.array([len(rows) for rows in chosen])
        self.y = np.array([y[rows].sum() for rows in chosen])
        parts = [_Part(x[rows], y[rows], mean) for rows in chosen]
        self.x = np.stack([part.x for part in parts])
        self.xx = np.stack([part.xx for part in parts])
        self.xy = np.stack([part.xy for part in parts])

    def without(self, fold: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return centred sums of squares and products over the other folds, and their samples."""
        n = int(self.n.sum() - self.n[fold])
        x, y = self.x.sum(axis=0) - self.x[fold], self.y.sum() - self.y[fold]
        square = self.xx.sum(axis=0) - self.xx[fold] - np.outer(x, x) / n
        return square, self.xy.sum(axis=0) - self.xy[fold] - x * y / n, n


class _Part:
    """Moments of the samples of one fold, about the means of all columns."""

    def __init__(self, x: DesignMatrix, y: np.ndarray, mean: np.ndarray) -> None:
        n, total = len(y), x.sums(np.ones(len(y)))
        self.x = total - n * mean
        self.xx = x.gram()
        self.xx -= np.outer(total, mean)
        self.xx -= np.outer(mean, self.x)
        self.xy = x.sums(y) - mean * y.sum()


def _variance(
    rest: Float64[np.ndarray, " n"], group: Int64[np.ndarray, " n"], n_lost: int
) -> float:
    """Return the variance of a role's mean: n⁻² · G/(G − lost) · Σ over groups of (Σ rest)²."""
    _, row = np.unique(group, return_inverse=True)
    sums = np.bincount(row, rest)
    return float((sums**2).sum() * len(sums) / (len(sums) - n_lost) / len(rest) ** 2)


def _welch(value: float, variances: list[float], degrees: list[int], n: list[int]) -> Difference:
    total = sum(variances)
    parts = sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    df = total**2 / parts if parts > 0 else float(min(degrees))
    return Difference(value=value, se=float(np.sqrt(total)), df=df, n_target=n[0], n_control=n[1])
