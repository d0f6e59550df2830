"""Do target and control differ in what no model knows? The excess rests on it that they do not (ours).

Two looks. A joint test: Hotelling's T² of the covariates, by permutation of the roles. And the blind
baseline: how well a classifier that never sees the model tells target from control by bytes, size, labels and
the like (compare Das et al. 2024, "Blind baselines beat membership inference attacks"). Both together are a
gate.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

from dejavu.run import seeds
from dejavu.statistics.design import Matrix, design
from dejavu.statistics.intervals import delong
from dejavu.statistics.role_classifier import out_of_fold

N_PERMUTATIONS = 999
MAX_SAMPLES = 20_000  # per role; more are drawn from, group by group
N_FOLDS = 5
MAX_JOINT_P = 0.01  # the gate closes below it (of two joint tests: by the smaller p, doubled), and
MIN_BLIND_AUROC = 0.55  # above it, by the lower bound of the interval
MAX_UNCOVERED_SHARE = 0.05  # of attacked samples whose label no public image has
_AT_ONCE = 64  # permutations held at once
_ROUNDING = 1e-9  # statistics this close, relatively, are equal
_COLLINEAR = 1e-11  # eigenvalues of correlations that are smaller, relatively, are rounding


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known, without the model, of the attacked samples of both roles."""

    x: Matrix  # (n, p)
    is_target: Bool[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]  # duplicates share a group, and a group lies in one role


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """Hotelling's T² and its p-value: the chance of so large a T² if roles were dealt at random."""

    statistic: float
    p_value: float  # at least 1/1000
    n_target: int
    n_control: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BlindBaseline:
    """AUROC of target against control without the model, and its 95 % interval."""

    auroc: float
    low: float
    high: float
    n_target: int
    n_control: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether target and control may be compared."""

    is_closed: bool
    joint: JointTest | None  # of the covariates; None: nothing varies, or too few groups
    joint_outside: JointTest | None  # of what the blind baseline looks at
    blind: BlindBaseline | None
    uncovered_share: float | None  # None: not known
    reasons: tuple[str, ...]  # why it is closed, or what to be warned of
    looked_at: tuple[str, ...] = ()  # what the blind baseline knows
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what not, and why


def joint_test(known: Known, *, seed: int, purpose: str) -> JointTest | None:
    """Test that the means of X are alike in both roles, by 999 permutations of whole groups.

    Roles are dealt to groups anew, as many groups to target as there are. T² grows with R², the share of
    the role indicator's variance that the columns of X explain, so one decomposition of X serves all
    permutations. Collinear columns count once.

    Returns:
        None where X has no column that varies, or a role has fewer than two groups.
    """
    known = _sampled(known, seed, purpose)
    groups, row = np.unique(known.group, return_inverse=True)
    target_groups = np.bincount(row[known.is_target], minlength=len(groups)) > 0
    n_target_groups = int(target_groups.sum())
    with threadpool_limits(1):
        sums = _Standardized(known.x, row, len(groups))
        if sums.rank == 0 or min(n_target_groups, len(groups) - n_target_groups) < 2:
            return None
        sizes = np.bincount(row).astype(np.float64)
        observed = _explained(sums, sizes, target_groups[:, None].astype(np.float64))[0]
        generator = seeds.generator(seed, f"{purpose}.permutations")
        n_as_large = 0
        for start in range(0, N_PERMUTATIONS, _AT_ONCE):
            size = min(_AT_ONCE, N_PERMUTATIONS - start)
            dealt = np.repeat(target_groups[:, None].astype(np.float64), size, axis=1)
            dealt = generator.permuted(dealt, axis=0)
            explained = _explained(sums, sizes, dealt)
            n_as_large += int((explained >= observed * (1 - _ROUNDING)).sum())
    n = len(known.is_target)
    n_target = int(known.is_target.sum())
    # sums leave no smaller one; 0 where X is the role
    left = max(1 - observed, np.finfo(float).eps)
    return JointTest(
        statistic=float((n - 2) * observed / left),
        p_value=(1 + n_as_large) / (1 + N_PERMUTATIONS),
        n_target=n_target,
        n_control=n - n_target,
    )


def blind_baseline(known: Known, *, seed: int, purpose: str) -> BlindBaseline | None:
    """Tell target from control by X alone: logistic regression, 5 folds of groups, dealt within role.

    Columns are scaled to unit variance; the penalty is scikit-learn's (L2, C = 1). Every sample gets its
    score from the folds it is not in; one AUROC over all of them, with DeLong's interval.

    Returns:
        None where X has no column that varies, or a role has fewer groups than folds.
    """
    known = _sampled(known, seed, purpose)
    sides = (known.is_target, ~known.is_target)
    x = design(known.x)
    if not x.varies or any(len(np.unique(known.group[side])) < N_FOLDS for side in sides):
        return None
    fold = np.empty(len(known.group), dtype=np.int64)
    generator = seeds.generator(seed, f"{purpose}.blind")
    for side in sides:
        groups, row = np.unique(known.group[side], return_inverse=True)
        fold[side] = (generator.permutation(len(groups)) % N_FOLDS)[row]
    with threadpool_limits(1):
        score = out_of_fold(x, known.is_target, fold)
    auroc, (low, high) = delong(score[known.is_target], score[~known.is_target])
    n_target = int(known.is_target.sum())
    return BlindBaseline(
        auroc=auroc, low=low, high=high, n_target=n_target, n_control=len(fold) - n_target
    )


def checked(
    covariates: Known,
    outside: Known,
    *,
    seed: int,
    purpose: str,
    uncovered_share: float | None = None,
    looked_at: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
) -> Gate:
    """Look at the covariates and at what lies outside the model, and decide; see `gate`.

    Args:
        covariates: X of the adjusted excess.
        outside: what the blind baseline looks at.
        seed: of permutations, folds and draws.
        purpose: names them.
        uncovered_share: see `gate`, as the following.
        looked_at: in words.
        left_out: name → why.
    """
    return gate(
        joint_test(covariates, seed=seed, purpose=purpose),
        blind_baseline(outside, seed=seed, purpose=purpose),
        joint_outside=joint_test(outside, seed=seed, purpose=f"{purpose}.outside"),
        uncovered_share=uncovered_share, looked_at=looked_at, left_out=left_out,
    )  # fmt: skip


def gate(
    joint: JointTest | None,
    blind: BlindBaseline | None,
    *,
    joint_outside: JointTest | None = None,
    uncovered_share: float | None = None,
    looked_at: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
) -> Gate:
    """Decide whether the excess may be read as memorization.

    The gate closes if a joint test has p < 0.01 (of two tests: the smaller p, doubled) *and* the blind
    AUROC's lower bound is above 0.55: a difference that is both certain and large. Either alone is a warning.
    It closes, too, if more than 5 % of the attacked samples have a label that no public image has: the vote
    cannot name it.

    Args:
        joint: of the covariates.
        blind: of what lies outside the model.
        joint_outside: of the same columns as `blind`; None: they are the covariates, or nothing varies.
        uncovered_share: of attacked samples without any public image of their label; None: not known.
        looked_at: what the blind baseline knows, in words.
        left_out: what it would know of another run, and why not of this one.
    """
    reasons = []
    tests = {
        "the covariates of target and control differ": joint,
        "target and control differ in what lies outside the model": joint_outside,
    }
    n_tests = sum(each is not None for each in tests.values())
    for what, each in tests.items():
        if each is not None and n_tests * each.p_value < MAX_JOINT_P:
            reasons.append(f"{what} (Hotelling's T², p = {each.p_value:.3f})")
    is_uneven = bool(reasons)
    is_told = blind is not None and blind.low > MIN_BLIND_AUROC
    is_uncovered = uncovered_share is not None and uncovered_share > MAX_UNCOVERED_SHARE
    if is_told and blind is not None:
        reasons.append(
            "target and control can be told apart without the model "
            f"(AUROC {blind.auroc:.2f}, 95 % interval {blind.low:.2f} to {blind.high:.2f})"
        )
    if is_uncovered:
        reasons.append(
            f"{uncovered_share:.1%} of the attacked samples have a label that no public image has"
        )
    return Gate(
        is_closed=(is_uneven and is_told) or is_uncovered,
        joint=joint, joint_outside=joint_outside, blind=blind, uncovered_share=uncovered_share,
        reasons=tuple(reasons), looked_at=tuple(looked_at), left_out=left_out or {},
    )  # fmt: skip


def drawn(
    is_target: Bool[np.ndarray, " n"], group: Int64[np.ndarray, " n"], *, seed: int, purpose: str
) -> Bool[np.ndarray, " n"]:
    """Return which samples are looked at, at most `MAX_SAMPLES` per role: whole groups, in a drawn order."""
    kept = np.ones(len(group), dtype=bool)
    generator = seeds.generator(seed, f"{purpose}.samples")
    for side in (is_target, ~is_target):
        if int(side.sum()) <= MAX_SAMPLES:
            continue
        groups, row = np.unique(group[side], return_inverse=True)
        place = generator.permutation(len(groups))
        total = np.cumsum(np.bincount(place[row], minlength=len(groups)))
        kept[side] = (total <= MAX_SAMPLES)[place][row]
    return kept


def _sampled(known: Known, seed: int, purpose: str) -> Known:
    kept = drawn(known.is_target, known.group, seed=seed, purpose=purpose)
    return Known(x=known.x[kept], is_target=known.is_target[kept], group=known.group[kept])


class _Standardized:
    """Orthonormal columns that span the centred columns of X, by what groups of samples add up to.

    They are a matrix times the columns of X: neither they nor X need to lie in memory.
    """

    def __init__(self, x: Matrix, row: np.ndarray, n_groups: int) -> None:
        """Decompose the correlations of X; `row` is the group of each sample."""
        centred = design(x).centred()
        n = len(centred)
        self._mean = centred.sums(np.ones(n)) / n
        form = centred.gram() - n * np.outer(self._mean, self._mean)
        spread = np.sqrt(np.maximum(np.diag(form), 0) / n)
        varies = spread > 0
        self._scale = np.where(varies, spread, 1.0)
        form /= np.outer(self._scale, self._scale)
        form = form[np.ix_(varies, varies)]
        values, axes = np.linalg.eigh(form) if len(form) else (np.empty(0), form)
        kept = values > values.max(initial=0) * _COLLINEAR
        self.rank = int(kept.sum())
        self._axes = np.zeros((len(varies), self.rank))
        self._axes[varies] = axes[:, kept] / np.sqrt(values[kept])
        self._axes /= self._scale[:, None]
        self._of_groups = centred.by_group(row, n_groups)

    def of(
        self, sizes: Float64[np.ndarray, " groups"], dealt: Float64[np.ndarray, "groups k"]
    ) -> Float64[np.ndarray, "rank k"]:
        """Return the sums of the orthonormal columns over the groups that are dealt."""
        sums = self._of_groups.T @ dealt - np.outer(self._mean, sizes @ dealt)
        found: np.ndarray = self._axes.T @ sums
        return found


def _explained(
    sums: _Standardized,
    sizes: Float64[np.ndarray, " groups"],
    dealt: Float64[np.ndarray, "groups permutations"],
) -> Float64[np.ndarray, " permutations"]:
    """Return R² of each role indicator on the basis whose group sums are given."""
    n = sizes.sum()
    n_target = sizes @ dealt
    squares: np.ndarray = (sums.of(sizes, dealt) ** 2).sum(axis=0)
    return squares / (n_target * (n - n_target) / n)
