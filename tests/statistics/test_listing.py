import numpy as np
import pytest

from dejavu.statistics.listing import (
    control_needed,
    listed,
    listing,
    log_odds,
    p_values,
    q_values,
    standardized,
)


def test_z_by_hand():
    values, level = np.array([1.0, 3.0, 2.0, 5.0]), np.array([0, 0, 1, 1])
    base = np.array([True, True, True, False])
    mean, variance = 2.0, 2 / 3
    mu = (4 + 5 * mean) / 7
    sigma2 = ((1 - mu) ** 2 + (3 - mu) ** 2 + 10 * variance) / 12
    mu1 = (2 + 5 * mean) / 6
    sigma1 = ((2 - mu1) ** 2 + 10 * variance) / 11
    found = standardized(values, level, base)
    assert found[0] == pytest.approx((1 - mu) / np.sqrt(sigma2))
    assert found[3] == pytest.approx((5 - mu1) / np.sqrt(sigma1))


def test_a_level_outside_the_base_takes_the_common_moments():
    found = standardized(
        np.array([0.0, 2.0, 1.0]), np.array([0, 0, 9]), np.array([True, True, False])
    )
    assert found[2] == pytest.approx(0.0)


def test_equal_values_stand_out_nowhere():
    assert standardized(np.ones(5), np.zeros(5, np.int64), np.ones(5, bool)).tolist() == [0] * 5


def test_log_odds_stay_finite_at_both_ends():
    found = log_odds(np.array([0.0, 20.0]), np.array([20.0, 20.0]))
    assert found[0] == pytest.approx(-found[1])


def test_ties_with_control_count_against():
    found = p_values(np.array([3.0, 1.0, 0.0]), np.array([1.0, 2.0]))
    assert found.tolist() == [1 / 3, 1.0, 1.0]


def test_the_list_by_hand_and_at_the_edge():
    p = np.array([0.01, 0.02, 0.03, 0.04, 0.9])
    assert listed(q_values(p), 0.05).tolist() == [True, True, True, True, False]
    assert listed(q_values(p), 0.049).tolist() == [False] * 5
    assert listed(q_values(np.zeros(0)), 0.1).tolist() == []


def test_storeys_list_is_never_shorter():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = np.concatenate([rng.uniform(size=60), rng.uniform(high=0.01, size=20)])
        assert (q_values(p, storey=True) <= q_values(p)).all()


def slow_list(p, share):
    """Benjamini and Hochberg, step by step: the largest j with p_(j) ≤ share · j / n, and all below."""
    ranked = sorted(p)
    passing = [j for j in range(1, len(p) + 1) if ranked[j - 1] <= share * j / len(p)]
    return [bool(passing) and each <= ranked[passing[-1] - 1] for each in p]


def test_a_q_value_is_the_least_level_at_which_a_sample_is_listed():
    rng = np.random.default_rng(3)
    p = np.round(rng.random(40) ** 3, 2) + 0.003  # with ties
    q = q_values(p)
    for share in (0.05, 0.1, 0.3, *q[q < 1][:10] * (1 + 1e-9), *q[q < 1][:10] * (1 - 1e-9)):
        assert listed(q, share).tolist() == slow_list(p, share)


def test_the_share_of_false_entries_is_held():
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(300):
        scores = np.concatenate([rng.normal(size=160), rng.normal(3.5, 1, size=40)])
        found = listing(scores, rng.normal(size=400), 0.1)
        shares.append(found.is_listed[:160].sum() / max(1, found.is_listed.sum()))
    assert np.mean(shares) <= 0.1


def test_without_memorization_the_list_is_nearly_always_empty():
    rng = np.random.default_rng(2)
    n_lists = sum(
        listing(rng.normal(size=100), rng.normal(size=200), 0.1).is_listed.any() for _ in range(400)
    )
    assert n_lists / 400 <= 0.13


def test_an_empty_list_says_how_many_control_samples_it_takes():
    found = listing(np.array([5.0, 0, 0, 0, 0]), np.array([1.0, 2.0]), 0.1)
    assert not found.is_listed.any()
    assert found.control_needed == 49
    enough = listing(np.array([5.0, 0, 0, 0, 0]), np.linspace(1, 2, 49), 0.1)
    assert enough.is_listed.tolist() == [True, False, False, False, False]
    assert enough.control_needed is None


def test_who_differs_from_a_base_without_spread_stands_out_nowhere():
    base = np.array([True, True, True, False, False])
    found = standardized(np.array([1.0, 1, 1, 5, -5]), np.zeros(5, np.int64), base)
    assert found.tolist() == [0] * 5


def test_log_odds_add_half_a_vote_to_either_side():
    assert log_odds(np.array([3.0]), np.array([10.0])).tolist() == [np.log(3.5 / 7.5)]


def test_storeys_share_by_hand():
    """One of eight p-values is above ½: (1 + 1) / (8 · ½) = ½ of the samples are taken for unremarkable."""
    p = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.9])
    assert q_values(p, storey=True) == pytest.approx(q_values(p) / 2)
    many = np.array([0.01, 0.6, 0.7, 0.9])  # (1 + 3) / (4 · ½) is more than all
    assert q_values(many, storey=True).tolist() == q_values(many).tolist()


@pytest.mark.parametrize("n_above", [0, 1, 2, 7])
def test_so_many_control_samples_list_the_head_and_one_fewer_does_not(n_above):
    n_target, share, counted = 40, 0.1, max(n_above, 1)
    needed = control_needed(n_target, n_above, share)
    for n_control, is_enough in ((needed, True), (needed - 1, False)):
        target = np.array([9.0] * counted + [0.0] * (n_target - counted))
        found = listing(target, np.linspace(1, 2, n_control), share)
        assert found.is_listed.sum() == (counted if is_enough else 0)
