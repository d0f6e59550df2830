"""The adjusted excess against a slow twin, simulated worlds, and what it must not depend on."""

import numpy as np
import pytest
from scipy import stats

from dejavu.run import seeds
from dejavu.statistics.adjusted import Difference, Side, adjusted, unadjusted, unadjusted_kinds
from dejavu.statistics.resampling import kinds


def side(rng, n, *, shift=0.0, p=3, per_group=1):
    x = rng.normal(size=(n, p))
    y = shift + x @ np.arange(1, p + 1) + rng.normal(size=n)
    return Side(y=y, x=x, group=np.arange(n) // per_group)


def slow(target, control, ridge, seed, purpose, n_folds=10):
    """Return (value, se, df) by loops over folds, rows and groups, with explicit normal equations."""
    sides, fold_of = (target, control), []
    for each, role in zip(sides, ("target", "control"), strict=True):
        groups = sorted(set(each.group.tolist()))
        order = seeds.generator(seed, f"{purpose}.folds.{role}").permutation(len(groups))
        dealt = {groups[place]: turn % n_folds for turn, place in enumerate(order)}
        fold_of.append(np.array([dealt[g] for g in each.group.tolist()]))
    value, rests = 0.0, [np.zeros(len(s.y)) for s in sides]
    n_all = sum(len(s.y) for s in sides)
    for k in range(n_folds):
        p = target.x.shape[1]
        form, slope = np.zeros((p, p)), np.zeros(p)
        for each, fold in zip(sides, fold_of, strict=True):
            rows = np.flatnonzero(fold != k)
            x_mean, y_mean = each.x[rows].mean(axis=0), each.y[rows].mean()
            for i in rows:
                d = each.x[i] - x_mean
                form += np.outer(d, d) / len(rows) ** 2
                slope += d * (each.y[i] - y_mean) / len(rows) ** 2
        b = np.linalg.solve(form + ridge * np.trace(form) / p * np.eye(p), slope)
        means, n_k = [], 0
        for each, fold, rest in zip(sides, fold_of, rests, strict=True):
            rows = np.flatnonzero(fold == k)
            left = each.y[rows] - each.x[rows] @ b
            means.append(left.mean())
            rest[rows] = left - left.mean()
            n_k += len(rows)
        value += n_k / n_all * (means[0] - means[1])
    parts, degrees = [], []
    for each, rest in zip(sides, rests, strict=True):
        groups = set(each.group.tolist())
        total = sum(rest[each.group == g].sum() ** 2 for g in groups)
        parts.append(total * len(groups) / (len(groups) - n_folds) / len(rest) ** 2)
        degrees.append(len(groups) - n_folds)
    df = sum(parts) ** 2 / sum(v**2 / d for v, d in zip(parts, degrees, strict=True))
    return value, np.sqrt(sum(parts)), df


@pytest.mark.parametrize("per_group", [1, 3])
@pytest.mark.parametrize("ridge", [0.01, 0.5])
def test_it_equals_its_slow_twin(per_group, ridge):
    rng = np.random.default_rng(1)
    target = side(rng, 120, shift=1.0, per_group=per_group)
    control = side(rng, 90, per_group=per_group)
    found = adjusted(target, control, ridge=ridge, seed=7, purpose="t")
    value, se, df = slow(target, control, ridge, 7, "t")
    assert (found.value, found.se, found.df) == pytest.approx((value, se, df), rel=1e-9)
    half = stats.t.ppf(0.975, df) * se
    assert found.interval() == pytest.approx((value - half, value + half))


@pytest.mark.slow
def test_over_many_worlds_it_is_unbiased_covers_and_is_narrower_than_the_gap():
    rng = np.random.default_rng(2)
    n_worlds, inside, values, widths, gaps = 300, 0, [], [], []
    for world in range(n_worlds):
        target, control = side(rng, 80, shift=0.5), side(rng, 100)
        found = adjusted(target, control, ridge=0.01, seed=world, purpose="w")
        low, high = found.interval()
        inside += low <= 0.5 <= high
        values.append(found.value)
        widths.append(found.se)
        gaps.append(unadjusted(target, control).se)
    spread = np.std(values) / np.sqrt(n_worlds)
    assert abs(np.mean(values) - 0.5) < 3 * spread
    assert 0.92 <= inside / n_worlds <= 0.98
    assert np.mean(widths) < 0.5 * np.mean(gaps)


def test_useless_covariates_cost_little():
    rng = np.random.default_rng(3)
    noise = [
        Side(y=rng.normal(size=300), x=rng.normal(size=(300, 5)), group=np.arange(300))
        for _ in "ab"
    ]
    found, plain = adjusted(*noise, ridge=0.01, seed=0, purpose="n"), unadjusted(*noise)
    assert found.se < 1.05 * plain.se


def test_a_shift_of_a_covariate_or_of_all_measures_changes_nothing():
    rng = np.random.default_rng(4)
    target, control = side(rng, 60), side(rng, 60)
    moved = [Side(y=s.y + 100, x=s.x + 1e3, group=s.group) for s in (target, control)]
    first = adjusted(target, control, ridge=0.01, seed=0, purpose="m")
    second = adjusted(*moved, ridge=0.01, seed=0, purpose="m")
    assert second.value == pytest.approx(first.value, abs=1e-8)
    assert second.se == pytest.approx(first.se, rel=1e-8)


def test_repeating_every_sample_in_its_group_does_not_narrow_the_interval():
    rng = np.random.default_rng(5)
    target, control = side(rng, 60), side(rng, 60)
    twice = [
        Side(y=np.repeat(s.y, 2), x=np.repeat(s.x, 2, axis=0), group=np.repeat(s.group, 2))
        for s in (target, control)
    ]
    assert unadjusted(*twice).se == pytest.approx(unadjusted(target, control).se)


def test_too_few_groups_give_no_number():
    rng = np.random.default_rng(6)
    assert adjusted(side(rng, 3), side(rng, 50), ridge=0.01, seed=0, purpose="f") is None
    few = adjusted(side(rng, 4), side(rng, 50), ridge=0.01, seed=0, purpose="f")
    assert few.df > 0


def test_collinear_columns_and_none_at_all_are_fine():
    rng = np.random.default_rng(7)
    target, control = side(rng, 50, p=1), side(rng, 50, p=1)
    double = [Side(y=s.y, x=np.repeat(s.x, 2, axis=1), group=s.group) for s in (target, control)]
    assert np.isfinite(adjusted(*double, ridge=0.0, seed=0, purpose="c").value)
    bare = [Side(y=s.y, x=s.x[:, :0], group=s.group) for s in (target, control)]
    assert adjusted(*bare, ridge=0.01, seed=0, purpose="c").value == pytest.approx(
        unadjusted(*bare).value, abs=0.2
    )


def test_nothing_that_varies_decides_nothing():
    flat = Side(y=np.zeros(20), x=np.zeros((20, 0)), group=np.arange(20))
    assert unadjusted(flat, flat).p_greater == 1.0
    assert unadjusted(flat, flat).interval() == (0.0, 0.0)
    assert unadjusted(flat, flat).df == 19


def test_a_difference_without_spread_is_certain():
    flat = Side(y=np.zeros(20), x=np.zeros((20, 0)), group=np.arange(20))
    higher = Side(y=flat.y + 1, x=flat.x, group=flat.group)
    assert unadjusted(higher, flat).p_greater == 0.0
    assert unadjusted(flat, higher).p_greater == 1.0


def test_bounds_and_p_value_are_those_of_students_t():
    """Table values: t is 2.228 at 97.5 %, 1.812 at 95 %, both with 10 degrees of freedom."""
    found = Difference(value=1.812, se=1.0, df=10.0, n_target=9, n_control=9)
    assert found.interval() == pytest.approx((1.812 - 2.228, 1.812 + 2.228), abs=1e-3)
    assert found.upper(0.95) == pytest.approx(2 * 1.812, abs=1e-3)
    assert found.p_greater == pytest.approx(0.05, abs=1e-4)


def in_cells(rng, n_groups):
    """Return groups of 1 to 3 samples with two measures each: as one side per measure, and as kinds."""
    sizes = rng.integers(1, 4, n_groups)
    group = np.repeat(np.arange(n_groups), sizes)
    y = rng.normal(size=(len(group), 2))
    empty = np.zeros((len(group), 0))
    of_groups = kinds(np.ones(len(group), dtype=np.int64), group, y)
    return [Side(y=column, x=empty, group=group) for column in y.T], of_groups


def test_kinds_give_what_their_samples_give():
    rng = np.random.default_rng(8)
    (target, target_kinds), (control, control_kinds) = in_cells(rng, 30), in_cells(rng, 12)
    found = unadjusted_kinds(target_kinds, control_kinds)
    for column, each in enumerate(found):
        expected = unadjusted(target[column], control[column])
        assert (each.value, each.se, each.df) == pytest.approx(
            (expected.value, expected.se, expected.df)
        )
        assert (each.n_target, each.n_control) == (expected.n_target, expected.n_control)


def test_single_samples_give_welchs_test():
    """Every sample a group of its own: SciPy's t-test with unequal variances."""
    rng = np.random.default_rng(9)
    target, control = side(rng, 12, shift=1.0), side(rng, 7)
    found = unadjusted(target, control)
    expected = stats.ttest_ind(target.y, control.y, equal_var=False, alternative="greater")
    assert found.p_greater == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)


@pytest.mark.parametrize(("n_groups", "is_given"), [(3, False), (4, True)])
def test_four_groups_are_the_least(n_groups, is_given):
    rng = np.random.default_rng(10)
    (few, few_kinds), (many, many_kinds) = in_cells(rng, n_groups), in_cells(rng, 9)
    for pair in ((few[0], many[0]), (many[0], few[0])):
        assert (unadjusted(*pair) is not None) is is_given
    for both in ((few_kinds, many_kinds), (many_kinds, few_kinds)):
        assert [each is not None for each in unadjusted_kinds(*both)] == [is_given] * 2
