import numpy as np
import pytest

from dejavu.statistics.covariates import covariates, log_probability


def test_rare_levels_share_a_column_and_the_first_frequent_one_has_none():
    label = np.concatenate([np.repeat([2, 4, 9], 10), [1, 1, 7]])
    found = covariates({}, {"label": label})
    assert found.names == ("label=4", "label=9", "label=rare")
    assert np.asarray(found.x).sum(axis=0).tolist() == [10, 10, 3]


def test_columns_that_do_not_vary_are_left_out():
    found = covariates({"a": np.ones(12), "b": np.arange(12.0)}, {"label": np.zeros(12, np.int64)})
    assert found.names == ("b",)


def test_levels_that_are_all_rare_give_no_column():
    assert covariates({}, {"label": np.arange(8)}).x.shape == (8, 0)


def test_an_impossible_truth_stays_bounded():
    assert log_probability(np.array([0.0])) == pytest.approx(np.log(0.01))
