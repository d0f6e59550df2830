from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.statistics.exact_tests import mcnemar_p, sign_p

small = st.integers(0, 12)


@given(small, small)
def test_p_sums_all_splits_that_are_no_likelier(first, second):
    n = first + second
    likely = [comb(n, k) for k in range(n + 1)]
    expected = sum(c for c in likely if c <= likely[first]) / 2**n
    assert mcnemar_p(first, second) == pytest.approx(expected)


@given(small, small)
@pytest.mark.slow
def test_swapping_the_predictors_changes_nothing(first, second):
    assert mcnemar_p(first, second) == pytest.approx(mcnemar_p(second, first))
    assert sign_p(first, second) == mcnemar_p(first, second)
