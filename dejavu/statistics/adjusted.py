"""The adjusted excess: target − control, with the references as covariates (docs/method.md, ours).

A reference that is subtracted with coefficient 1 widens the interval more often than not. Here it enters
with the coefficient that makes the variance of the difference least, fitted on other folds. Nothing in the
covariates knows the model or the role, so under exchangeability of the roles the adjustment has mean 0.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

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
    """Return the cross-fitted difference mean_T(Y − β′X) − mean_C(Y − β′X): see `Adjustment`.

    Args:
        target: attacked samples that the model was trained on.
        control: attacked samples that no model was trained on.
        ridge: λ; 0.01 in the image lane, 0.001 in the caption lane.
        seed: the run's seed.
        purpose: names the draw of folds.

    Returns:
        None where a role has fewer than `MIN_GROUPS` groups: an interval would mean nothing.
    """
    known = Adjustment(target, control, ridge=ridge, seed=seed, purpose=purpose)
    return known.difference(target.y, control.y)


class Adjustment:
    """What can be reckoned of X alone: the folds, and the sums that β needs.

    Several measures of the same samples, such as right or wrong and the log odds of the votes, share it; with
    a thousand labels among the covariates most of the time goes into it.

    Groups are dealt to K = 10 folds within each role, in an order drawn from `seed` and `purpose`; with fewer
    than 20 groups in a role K is half of them. In each fold, β minimizes over the others

        Σ_r n_r⁻² Σ_i (Y_i − Ȳ_r − β′(X_i − X̄_r))² + ridge · (tr S / p) · ‖β‖²,

    S being the matrix of the quadratic form. The fold's difference has weight (n_T,k + n_C,k) / n. Without
    any column this is the difference of means, fold by fold.
    """

    def __init__(
        self, target: Side, control: Side, *, ridge: float, seed: int, purpose: str
    ) -> None:
        """Reckon with the samples of both roles; their `y` is not looked at. Arguments as of `adjusted`."""
        sides = (target, control)
        self._n_groups = [n_distinct(side.group) for side in sides]
        self._n_folds = min(N_FOLDS, *(n // 2 for n in self._n_groups))
        self._roles: list[_Role] = []
        self._forms: list[_Form] = []
        if min(self._n_groups) < MIN_GROUPS:
            return
        for side, role in zip(sides, ATTACKED, strict=True):
            drawn = seeds.generator(seed, f"{purpose}.folds.{role}")
            self._roles.append(_Role(side, _folds(side.group, self._n_folds, drawn), self._n_folds))
        grams = [[role.gram(fold) for fold in range(self._n_folds)] for role in self._roles]
        totals = [functools.reduce(np.add, gram) for gram in grams]
        for fold in range(self._n_folds):
            form = np.zeros(totals[0].shape)
            for known, gram, total in zip(self._roles, grams, totals, strict=True):
                x, n = known.x_without(fold), known.n_without(fold)
                form += (total - gram.pop(0) - np.outer(x, x) / n) / n**2
            self._forms.append(_Form(form, ridge))

    def difference(
        self, target: Float64[np.ndarray, " n"], control: Float64[np.ndarray, " n_control"]
    ) -> Difference | None:
        """Return the adjusted difference of a measure of both roles; None where `adjusted` gives none."""
        if not self._roles:
            return None
        measures = (target, control)
        slopes = np.stack(list(self._slopes(measures)))
        means = np.empty((2, self._n_folds))
        counts = np.empty((2, self._n_folds))
        variances = []
        for row, (role, y) in enumerate(zip(self._roles, measures, strict=True)):
            counts[row] = role.n
            rest = y - role.x.times(slopes, role.fold)
            means[row] = np.bincount(role.fold, rest, minlength=self._n_folds) / counts[row]
            variances.append(_variance(rest - means[row][role.fold], role.group, self._n_folds))
        weights = counts.sum(axis=0) / counts.sum()
        value = float(weights @ (means[0] - means[1]))
        degrees = [n - self._n_folds for n in self._n_groups]
        return _welch(value, variances, degrees, [len(y) for y in measures])

    def _slopes(self, measures: Sequence[np.ndarray]) -> Iterator[Float64[np.ndarray, " p"]]:
        """Yield β of each fold, from sums over the others: nothing is read more than once."""
        products = [role.products(y) for role, y in zip(self._roles, measures, strict=True)]
        for fold, form in enumerate(self._forms):
            cross: np.ndarray = np.zeros(len(form.matrix))
            for role, (y, xy) in zip(self._roles, products, strict=True):
                n, y_sum = role.n_without(fold), y.sum() - y[fold]
                own = xy.sum(axis=0) - xy[fold] - role.x_without(fold) * y_sum / n
                cross += own / n**2
            yield form.solved(cross)


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


class _Role:
    """The samples of one role; moments of X by fold, about the role's means so that nothing cancels."""

    def __init__(self, side: Side, fold: Int64[np.ndarray, " n"], n_folds: int) -> None:
        self.x, self.group, self.fold = design(side.x), side.group, fold
        self._rows = [np.flatnonzero(fold == each) for each in range(n_folds)]
        self.n = np.array([len(rows) for rows in self._rows])
        self._center = self.x.plain.mean(axis=0)
        self._mean = self.x.about(self._center).sums(np.ones(len(fold))) / max(1, len(fold))
        self._totals = [self._part(each).sums(np.ones(n)) for each, n in enumerate(self.n)]
        self._sums = np.stack(
            [total - n * self._mean for total, n in zip(self._totals, self.n, strict=True)]
        )
        self._sum = self._sums.sum(axis=0)

    def n_without(self, fold: int) -> int:
        """Return the samples of the other folds."""
        return int(self.n.sum() - self.n[fold])

    def x_without(self, fold: int) -> Float64[np.ndarray, " p"]:
        """Return the centred sums over the other folds."""
        found: np.ndarray = self._sum - self._sums[fold]
        return found

    def gram(self, fold: int) -> Float64[np.ndarray, "p p"]:
        """Return the centred sums of squares and products of a fold."""
        found = self._part(fold).gram()
        found -= np.outer(self._totals[fold], self._mean)
        found -= np.outer(self._mean, self._sums[fold])
        return found

    def products(
        self, y: Float64[np.ndarray, " n"]
    ) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "k p"]]:
        """Return the sums of a measure over each fold, and of its products with the columns of X, centred."""
        rest = y - y.mean()
        parts = [rest[rows] for rows in self._rows]
        sums = np.array([part.sum() for part in parts])
        crosses = [
            self._part(fold).sums(part) - self._mean * part.sum() for fold, part in enumerate(parts)
        ]
        return sums, np.stack(crosses)

    def _part(self, fold: int) -> DesignMatrix:
        """Return the rows of a fold about the role's means, made anew so that memory holds one at a time."""
        return self.x[self._rows[fold]].about(self._center)


class _Form:
    """The quadratic form of a fold with its ridge, decomposed."""

    def __init__(self, form: Float64[np.ndarray, "p p"], ridge: float) -> None:
        p = len(form)
        penalty = ridge * np.trace(form) / p if p else 0.0
        form[np.diag_indices(p)] += penalty
        self._has_inverse = penalty > 0  # then a thousand columns take no singular values
        self.matrix = form
        if self._has_inverse:
            self.matrix, _ = linalg.cho_factor(form, overwrite_a=True, check_finite=False)

    def solved(self, cross: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, " p"]:
        """Return β."""
        if not len(self.matrix):
            return cross
        if self._has_inverse:
            found: np.ndarray = linalg.cho_solve((self.matrix, False), cross, check_finite=False)
            return found
        return np.linalg.lstsq(self.matrix, cross, rcond=None)[0]


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
