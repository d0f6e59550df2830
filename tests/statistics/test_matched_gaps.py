"""Matched gaps: against plain loops, and over simulated worlds."""

import dataclasses

import numpy as np
import pytest

from dejavu.statistics.matched_gaps import Values, matched_gap


def values(generator: np.random.Generator, n: int, lift: float = 0.0) -> Values:
    n_objects = generator.integers(1, 5, n)
    hits = generator.binomial(n_objects, 0.4 + 0.1 * n_objects + lift)
    return Values(y=hits / n_objects, n_objects=n_objects, group=np.arange(n))


def test_equals_plain_loops_over_pairs() -> None:
    generator = np.random.default_rng(0)
    target, control = values(generator, 60), values(generator, 40)
    found = matched_gap(target, control)
    assert found is not None
    weighted, n = 0.0, 0
    for stratum in set(target.n_objects.tolist()):
        mine = target.y[target.n_objects == stratum]
        theirs = control.y[control.n_objects == stratum]
        signs = [np.sign(a - b) for a in mine for b in theirs]
        weighted += len(mine) * float(np.mean(signs))
        n += len(mine)
    assert found.difference.value == pytest.approx(weighted / n)


def test_thirds_and_sixths_tie() -> None:
    side = {"n_objects": np.full(4, 3), "group": np.arange(4)}
    found = matched_gap(
        Values(y=np.full(4, 2) / np.full(4, 6), **side), Values(y=np.full(4, 1 / 3), **side)
    )
    assert found is not None
    assert found.difference.value == 0


def test_strata_without_control_are_left_out_and_counted() -> None:
    target = Values(y=np.ones(8), n_objects=np.array([1] * 5 + [9] * 3), group=np.arange(8))
    control = Values(y=np.zeros(6), n_objects=np.array([1] * 5 + [2]), group=np.arange(6))
    found = matched_gap(target, control)
    assert found is not None
    assert found.n_left_out == 3
    assert found.difference.value == 1
    assert (found.difference.n_target, found.difference.n_control) == (5, 5)


def test_too_few_groups_have_no_gap() -> None:
    generator = np.random.default_rng(0)
    side = values(generator, 50)
    same = Values(y=side.y, n_objects=side.n_objects, group=np.zeros(50, dtype=np.int64))
    assert matched_gap(same, side) is None


@pytest.mark.slow
def test_is_zero_in_the_mean_and_covers_where_nothing_was_memorized() -> None:
    generator = np.random.default_rng(1)
    gaps, covered = [], 0
    for _ in range(400):
        found = matched_gap(values(generator, 150), values(generator, 150))
        assert found is not None
        low, high = found.difference.interval()
        gaps.append(found.difference.value)
        covered += low <= 0 <= high
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / 20
    assert 0.92 <= covered / 400 <= 0.975


def test_sees_a_lift() -> None:
    generator = np.random.default_rng(2)
    found = matched_gap(values(generator, 800, 0.15), values(generator, 800))
    assert found is not None
    assert found.difference.p_greater < 1e-4


def test_the_standard_error_equals_plain_loops_over_groups() -> None:
    """Also where one control sample is alone in its stratum, and where duplicates share a group."""
    generator = np.random.default_rng(3)
    target, control = values(generator, 30), values(generator, 24)
    objects = np.where(np.arange(24) == 5, 7, control.n_objects)
    target = dataclasses.replace(
        target, n_objects=np.append(target.n_objects[:-2], [7, 7]), group=np.arange(30) // 2
    )
    control = dataclasses.replace(control, n_objects=objects, group=np.arange(24) // 3)
    found = matched_gap(target, control)
    assert found is not None

    def gap(side: Values, i: int, other: Values) -> float:
        rivals = other.y[other.n_objects == side.n_objects[i]]
        return float(np.mean(np.sign(side.y[i] - rivals)))

    of_target = np.array([gap(target, i, control) for i in range(30)])
    of_control = np.array([-gap(control, i, target) for i in range(24)])
    parts_target = (of_target - of_target.mean()) / 30
    parts_control = np.empty(24)
    for i in range(24):
        peers = np.flatnonzero(objects == objects[i])
        n = len(peers)
        rest = of_control[i] - (of_control[peers].mean() if n > 1 else of_control.mean())
        scale = np.sqrt(n / (n - 1)) if n > 1 else 1.0
        parts_control[i] = (target.n_objects == objects[i]).sum() / 30 / n * scale * rest
    variances = []
    for parts, group in ((parts_target, target.group), (parts_control, control.group)):
        sums = [parts[group == each].sum() for each in set(group.tolist())]
        variances.append(sum(each**2 for each in sums) * len(sums) / (len(sums) - 1))
    df = sum(variances) ** 2 / (variances[0] ** 2 / 14 + variances[1] ** 2 / 7)
    assert found.difference.se == pytest.approx(np.sqrt(sum(variances)))
    assert found.difference.df == pytest.approx(df)


@pytest.mark.parametrize(("n", "is_given"), [(3, False), (4, True)])
def test_four_groups_of_either_role_are_the_least(n: int, is_given: bool) -> None:
    few = Values(y=np.ones(n), n_objects=np.ones(n, dtype=np.int64), group=np.arange(n))
    many = Values(y=np.zeros(9), n_objects=np.ones(9, dtype=np.int64), group=np.arange(9))
    for pair in ((few, many), (many, few)):
        found = matched_gap(*pair)
        assert (found is not None) is is_given
        if found is not None:  # nothing varies: the degrees of freedom of the smaller role
            assert (found.difference.se, found.difference.df) == (0, n - 1)
