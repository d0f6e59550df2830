import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.statistics import confident


def slow_top_counts(counts, order, n_top):
    """Lay the drawn samples out one by one, surest first, and count the first `n_top`."""
    laid_out = [row for row in order for _ in range(counts[row])]
    return [laid_out[:n_top].count(row) for row in order]


@given(st.data(), st.integers(1, 12))
def test_the_border_sample_takes_the_places_that_are_left(data, n):
    drawn = data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    counts = np.bincount(drawn, minlength=n).astype(np.int32)
    order = np.array(data.draw(st.permutations(range(n))))
    n_top = data.draw(st.integers(1, n))
    found = confident.top_counts(counts[None], order, n_top)[0]
    padded = [*found.tolist(), *[0] * (n - len(found))]
    assert padded == slow_top_counts(counts, order, n_top)


def test_a_prefix_is_enough_for_large_sets_and_grows_when_it_is_not():
    n, n_top = 20_000, 1_000
    order = np.arange(n)
    ones = np.ones((1, n), dtype=np.int32)
    assert confident.top_counts(ones, order, n_top).shape[1] < n
    late = np.zeros((1, n), dtype=np.int32)
    late[0, n - 2 :] = n // 2  # a resample that drew only the two least confident samples
    found = confident.top_counts(late, order, n_top)
    assert found.shape[1] == n
    assert found[0, -2:].tolist() == [1_000, 0]


@pytest.mark.parametrize(
    ("percent", "n", "expected"), [(20, 10, 2), (20, 9, 1), (5, 19, 1), (5, 40, 2), (100, 7, 7)]
)
def test_the_share_is_rounded_down_and_never_empty(percent, n, expected):
    assert confident.n_most_confident(percent, n) == expected


def test_ties_go_to_the_earlier_sample():
    assert confident.by_confidence(np.array([1.0, 0.5, 1.0, 0.5])).tolist() == [1, 3, 0, 2]
