"""The adjusted excess against a slow twin, simulated worlds, and what it must not depend on."""

import numpy as np
import pytest
from scipy import stats

from dejavu.run import seeds
from dejavu.statistics.adjusted import Side, adjusted, unadjusted


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
