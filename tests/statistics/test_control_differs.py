"""The gate before the excess: joint test, blind baseline, label coverage."""

import itertools

import numpy as np
import pytest

from dejavu.statistics import control_differs
from dejavu.statistics.control_differs import (
    BlindBaseline,
    JointTest,
    Known,
    blind_baseline,
    checked,
    gate,
    joint_test,
)


def world(generator: np.random.Generator, n: int = 200, p: int = 4, shift: float = 0.0) -> Known:
    x = generator.normal(size=(2 * n, p))
    is_target = np.arange(2 * n) < n
    x[is_target, 0] += shift
    return Known(x=x, is_target=is_target, group=np.arange(2 * n))


def hotelling(known: Known) -> float:
    target, control = known.x[known.is_target], known.x[~known.is_target]
    n, m = len(target), len(control)
    gap = target.mean(axis=0) - control.mean(axis=0)
    pooled = (n - 1) * np.cov(target.T) + (m - 1) * np.cov(control.T)
    return float(n * m / (n + m) * gap @ np.linalg.solve(pooled / (n + m - 2), gap))


def test_statistic_is_hotellings_t_squared() -> None:
    known = world(np.random.default_rng(0), shift=0.3)
    found = joint_test(known, seed=0, purpose="test")
    assert found is not None
    assert found.statistic == pytest.approx(hotelling(known))


def test_a_column_given_twice_changes_nothing() -> None:
    known = world(np.random.default_rng(0))
    doubled = Known(
        x=np.hstack([known.x, known.x[:, :1]]), is_target=known.is_target, group=known.group
    )
    first, second = (joint_test(each, seed=0, purpose="test") for each in (known, doubled))
    assert first is not None
    assert second is not None
    assert second.statistic == pytest.approx(first.statistic)
    assert second.p_value == first.p_value


@pytest.mark.parametrize("n", range(4, 64, 4))
def test_what_is_the_role_itself_has_a_finite_statistic(n: int) -> None:
    is_target = np.arange(n) < n // 2
    x = is_target[:, None].astype(np.float64)
    found = joint_test(Known(x=x, is_target=is_target, group=np.arange(n)), seed=0, purpose="test")
    assert found is not None
    assert np.isfinite(found.statistic)
    assert found.statistic > 1e9


@pytest.mark.slow
def test_p_values_are_uniform_where_roles_are_exchangeable() -> None:
    generator = np.random.default_rng(3)
    found = [joint_test(world(generator, n=40), seed=0, purpose=str(each)) for each in range(200)]
    p = np.array([each.p_value for each in found if each])
    assert len(p) == 200
    assert abs((p < 0.1).mean() - 0.1) < 0.065
    assert abs(p.mean() - 0.5) < 0.08


@pytest.mark.slow
def test_groups_are_dealt_whole() -> None:
    """Twenty copies of each sample look like certainty to a test that takes them for independent."""
    generator = np.random.default_rng(4)
    small = 0
    for each in range(60):
        one = world(generator, n=10, p=2)
        copies = np.repeat(np.arange(20), 20)
        found = joint_test(
            Known(x=one.x[copies], is_target=one.is_target[copies], group=copies),
            seed=0,
            purpose=str(each),
        )
        assert found is not None
        small += found.p_value < 0.05
    assert small <= 10


def test_nothing_that_varies_gives_no_test() -> None:
    known = Known(x=np.ones((20, 2)), is_target=np.arange(20) < 10, group=np.arange(20))
    assert joint_test(known, seed=0, purpose="test") is None
    assert blind_baseline(known, seed=0, purpose="test") is None


def test_large_roles_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_differs, "MAX_SAMPLES", 50)
    found = joint_test(world(np.random.default_rng(5)), seed=0, purpose="test")
    assert found is not None
    assert (found.n_target, found.n_control) == (50, 50)


@pytest.mark.parametrize("kind", ["source", "classes", "bytes"])
def test_another_control_set_is_caught(kind: str) -> None:
    """Of another source (all means move), of other classes (dummies), of other file sizes (one column)."""
    generator = np.random.default_rng(6)
    n = 300
    label = generator.integers(0, 10, 2 * n)
    n_bytes = generator.lognormal(8, 0.3, 2 * n)
    color = generator.normal(size=(2 * n, 3))
    is_target = np.arange(2 * n) < n
    if kind == "source":
        color[~is_target] += 0.5
    elif kind == "classes":
        label[~is_target] = generator.integers(5, 12, n)
    else:
        n_bytes[~is_target] *= 1.3
    dummies = (label[:, None] == np.arange(1, 12)).astype(np.float64)
    known = Known(
        x=np.hstack([np.log(n_bytes)[:, None], color, dummies]),
        is_target=is_target,
        group=np.arange(2 * n),
    )
    joint = joint_test(known, seed=0, purpose="test")
    found = gate(joint, blind_baseline(known, seed=0, purpose="test"))
    assert found.is_closed
    assert len(found.reasons) == 2


def test_what_lies_outside_the_model_closes_the_gate_alone() -> None:
    """References guess both sets alike, the files are of another kind: what a test of X alone lets pass."""
    generator = np.random.default_rng(8)
    covariates, files = world(generator), world(generator, shift=1.0)
    found = checked(covariates, files, seed=0, purpose="test")
    assert found.joint is not None
    assert found.joint.p_value > 0.01
    assert found.is_closed
    assert found.reasons[0].startswith("target and control differ in what lies outside the model (")


def test_of_two_joint_tests_the_smaller_p_counts_twice() -> None:
    def test_of(p_value: float) -> JointTest:
        return JointTest(statistic=50.0, p_value=p_value, n_target=9, n_control=9)

    told = BlindBaseline(auroc=0.7, low=0.6, high=0.8, n_target=9, n_control=9)
    assert gate(test_of(0.006), told).is_closed
    assert not gate(test_of(0.006), told, joint_outside=test_of(0.5)).is_closed
    assert gate(test_of(0.004), told, joint_outside=test_of(0.5)).is_closed
    assert gate(test_of(0.5), told, joint_outside=test_of(0.004)).is_closed


@pytest.mark.slow
def test_an_exchangeable_control_set_passes() -> None:
    generator = np.random.default_rng(7)
    closed = 0
    for each in range(100):
        covariates, files = world(generator, n=100, p=6), world(generator, n=100, p=6)
        closed += checked(covariates, files, seed=0, purpose=str(each)).is_closed
    assert closed <= 2


def test_one_of_two_alone_is_a_warning() -> None:
    joint = JointTest(statistic=50.0, p_value=0.001, n_target=9, n_control=9)
    blind = BlindBaseline(auroc=0.53, low=0.5, high=0.56, n_target=9, n_control=9)
    found = gate(joint, blind)
    assert not found.is_closed
    assert found.reasons == (
        "the covariates of target and control differ (Hotelling's T², p = 0.001)",
    )


def test_labels_without_a_public_image_close_the_gate() -> None:
    assert not gate(None, None, uncovered_share=0.05).is_closed
    found = gate(None, None, uncovered_share=0.051)
    assert found.is_closed
    assert "5.1%" in found.reasons[0]


def few(x, n_target: int) -> Known:
    """One column, every sample a group of its own, target first."""
    x = np.asarray(x, dtype=np.float64)
    return Known(x=x[:, None], is_target=np.arange(len(x)) < n_target, group=np.arange(len(x)))


def test_the_p_value_counts_all_permutations_and_the_roles_as_they_are() -> None:
    """No dealt T² is below 0, and none reaches that of the role itself but with two in 10^29 chances."""
    least = joint_test(few([0, 1, 0, 1], 2), seed=0, purpose="test")
    most = joint_test(few([1] * 50 + [0] * 50, 50), seed=0, purpose="test")
    assert least is not None
    assert most is not None
    assert (least.p_value, most.p_value) == (1.0, 1 / 1000)


def test_the_p_value_is_the_share_of_all_ways_to_deal_the_roles() -> None:
    x = np.array([3.0, 1.0, 4.0, 1.5, -2.0, 0.0, 0.5, 2.0])
    gap = abs(x[:4].mean() - x[4:].mean())
    ways = [list(chosen) for chosen in itertools.combinations(range(8), 4)]
    as_large = [abs(2 * x[way].sum() - x.sum()) / 4 >= gap - 1e-12 for way in ways]
    found = joint_test(few(x, 4), seed=0, purpose="test")
    assert found is not None
    share = np.mean(as_large)
    assert found.p_value == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 999))


@pytest.mark.parametrize("at_once", [1, 10, 5_000])
def test_permutations_held_at_once_change_nothing(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = world(np.random.default_rng(9), n=12, p=2)
    expected = joint_test(known, seed=0, purpose="test")
    monkeypatch.setattr(control_differs, "_AT_ONCE", at_once)
    assert joint_test(known, seed=0, purpose="test") == expected


@pytest.mark.parametrize(("n", "is_given"), [(4, False), (5, True)])
def test_a_fold_of_the_blind_baseline_takes_a_group_of_each_role(n: int, is_given: bool) -> None:
    known = world(np.random.default_rng(10), n=n)
    assert (blind_baseline(known, seed=0, purpose="test") is not None) is is_given


@pytest.mark.parametrize(("n_target", "is_given"), [(1, False), (2, True)])
def test_a_joint_test_takes_two_groups_of_each_role(n_target: int, is_given: bool) -> None:
    for known in (few(np.arange(9.0), n_target), few(np.arange(9.0), 9 - n_target)):
        assert (joint_test(known, seed=0, purpose="test") is not None) is is_given


def test_a_cut_that_is_just_reached_does_not_close_the_gate() -> None:
    def at(p_value: float, low: float) -> bool:
        joint = JointTest(statistic=50.0, p_value=p_value, n_target=9, n_control=9)
        blind = BlindBaseline(auroc=0.7, low=low, high=0.8, n_target=9, n_control=9)
        return gate(joint, blind).is_closed

    assert at(0.009, 0.551)
    assert not at(0.01, 0.551)
    assert not at(0.009, 0.55)


def test_a_role_of_as_many_samples_as_are_looked_at_stays_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_differs, "MAX_SAMPLES", 6)
    is_target, group = np.arange(14) < 6, np.repeat(np.arange(7), 2)
    kept = control_differs.drawn(is_target, group, seed=0, purpose="test")
    assert kept[is_target].all()
    assert kept[~is_target].sum() == 6  # three groups of two
    assert (kept[::2] == kept[1::2]).all()
