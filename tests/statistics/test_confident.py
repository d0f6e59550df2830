import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.statistics import confident


def slow_top_counts(counts, order, n_top):
    """Lay the drawn samples out one by one, surest first, and count the first `n_top`."""
    laid_out = [row for row in order for _ in range(counts[row])]
    taken = collections.Counter(laid_out[:n_top])
    return [taken[row] for row in order]


@given(st.data(), st.integers(1, 12))
def test_the_border_sample_takes_the_places_that_are_left(data, n):
    drawn = data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    counts = np.bincount(drawn, minlength=n).astype(np.int16)
    order = np.array(data.draw(st.permutations(range(n))))
    n_top = data.draw(st.integers(1, n))
    top = confident.MostConfident(order, n_top)
    expected = slow_top_counts(counts, order, n_top)
    places = np.array([n_top])
    assert top.in_order(counts[:, None], places)[:, 0].tolist() == expected
    found = top.in_window(counts[:, None], np.zeros(1), places)
    assert found[:, 0].tolist() == expected  # small: no head


@pytest.mark.parametrize("seed", range(3))
def test_head_and_window_make_the_whole_ranking(seed):
    rng = np.random.default_rng(seed)
    n, n_top = 5_000, 1_000
    order = rng.permutation(n)
    drawn = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(4)]
    counts = np.array(drawn, dtype=np.int16).T.copy()
    top = confident.MostConfident(order, n_top)
    n_tops = np.array([1_000, 990, 1_010, 1_000])  # as where groups are drawn
    window = top.in_window(counts, counts[top.head].sum(axis=0).astype(np.float64), n_tops)
    found = np.concatenate([counts[top.head], window])
    rest = np.zeros((n - len(found), 4), dtype=np.int16)
    assert len(found) < n
    assert (np.concatenate([found, rest]) == top.in_order(counts, n_tops)).all()
    for column in range(4):
        assert top.in_order(counts, n_tops)[:, column].tolist() == slow_top_counts(
            counts[:, column].tolist(), order.tolist(), int(n_tops[column])
        )


@pytest.mark.parametrize("only", [slice(0, 2), slice(-2, None)])
def test_a_border_outside_the_window_is_noticed(only):
    n, n_top = 5_000, 1_000
    top = confident.MostConfident(np.arange(n), n_top)
    counts = np.zeros((n, 1), dtype=np.int16)
    counts[only] = n // 2  # a resample that drew two samples only
    places = np.array([n_top])
    n_head = counts[top.head].sum(axis=0).astype(np.float64)
    assert top.in_window(counts, n_head, places) is None
    found = top.in_order(counts, places)[only, 0]
    assert found.tolist() == [1_000, 0]


@pytest.mark.parametrize(
    ("percent", "n", "expected"), [(20, 10, 2), (20, 9, 1), (5, 19, 1), (5, 40, 2), (100, 7, 7)]
)
def test_the_share_is_rounded_down_and_never_empty(percent, n, expected):
    assert confident.n_most_confident(percent, n) == expected


def test_ties_go_to_the_earlier_sample():
    assert confident.by_confidence(np.array([1.0, 0.5, 1.0, 0.5])).tolist() == [1, 3, 0, 2]
