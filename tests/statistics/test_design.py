"""A matrix with codes for dummies gives what the array gives."""

import tracemalloc

import numpy as np
import pytest

from dejavu.statistics.adjusted import Side, adjusted
from dejavu.statistics.control_differs import Known, joint_test
from dejavu.statistics.covariates import covariates
from dejavu.statistics.design import DesignMatrix, Dummies, design

RNG = np.random.default_rng(0)
N = 200


def mixed(n=N, q=2):
    codes = [RNG.integers(-1, size, n).astype(np.int32) for size in (5, 3)]
    levels = tuple(Dummies(code=c, n_columns=m) for c, m in zip(codes, (5, 3), strict=True))
    return DesignMatrix(plain=RNG.normal(loc=3, size=(n, q)), levels=levels)


@pytest.mark.parametrize("q", [0, 2])
def test_sums_and_products_are_those_of_the_array(q):
    x = mixed(q=q)
    dense = np.asarray(x)
    assert x.shape == dense.shape == (N, q + 8)
    assert set(np.unique(dense[:, q:])) == {0, 1}
    weights, slopes = RNG.normal(size=N), RNG.normal(size=(4, q + 8))
    row = RNG.integers(0, 4, N)
    assert np.allclose(x.sums(weights), dense.T @ weights)
    assert np.allclose(x.gram(), dense.T @ dense)
    assert np.allclose(x.times(slopes, row), (dense * slopes[row]).sum(axis=1))
    by_group = np.stack([dense[row == each].sum(axis=0) for each in range(5)])
    assert np.allclose(x.by_group(row, 5).toarray(), by_group)
    moved = dense.copy()
    moved[:, :q] -= dense[:, :q].mean(axis=0)
    assert np.allclose(np.asarray(x.centred()), moved)


@pytest.mark.parametrize("rows", [np.arange(N) % 3 == 0, np.array([5, 2]), slice(3, 9)])
def test_rows_are_those_of_the_array(rows):
    x = mixed()
    assert np.array_equal(np.asarray(x[rows]), np.asarray(x)[rows])
    assert len(x[rows]) == len(np.asarray(x)[rows])


@pytest.mark.parametrize(
    ("plain", "code", "expected"),
    [(1.0, [0, 0], False), (1.0, [-1, -1], False), (1.0, [0, -1], True), (2.0, [0, 0], True)],
)
def test_a_matrix_varies_where_a_column_has_two_values(plain, code, expected):
    level = Dummies(code=np.array(code, dtype=np.int32), n_columns=1)
    x = DesignMatrix(plain=np.array([[1.0], [plain]]), levels=(level,))
    assert x.varies is expected is bool(np.ptp(np.asarray(x), axis=0).any())


def test_an_array_is_a_design_of_plain_columns():
    dense = RNG.normal(size=(5, 2))
    assert np.array_equal(np.asarray(design(dense)), dense)
    assert design(design(dense)) is not None


def sides(x, y):
    half = np.arange(len(y)) % 2 == 0
    return [Side(y=y[own], x=x[own], group=np.flatnonzero(own) // 4) for own in (half, ~half)]


def test_estimates_and_tests_are_those_of_the_array():
    x = mixed()
    dense = np.asarray(x)
    y = dense @ np.arange(dense.shape[1]) + RNG.normal(size=N)
    of_codes, of_array = (
        adjusted(*sides(each, y), ridge=0.01, seed=1, purpose="d") for each in (x, dense)
    )
    assert of_codes.value == pytest.approx(of_array.value, rel=1e-11)
    assert of_codes.se == pytest.approx(of_array.se, rel=1e-11)
    is_target, group = np.arange(N) % 2 == 0, np.arange(N)
    first, second = (
        joint_test(Known(x=each, is_target=is_target, group=group), seed=0, purpose="d")
        for each in (x, dense)
    )
    assert first.p_value == second.p_value
    assert first.statistic == pytest.approx(second.statistic, rel=1e-9)


@pytest.mark.parametrize("q", [0, 2])
def test_levels_without_a_column_are_no_obstacle(q):
    """One label, or rare ones alone: there is nothing to tell apart."""
    alone = Dummies(code=np.full(N, -1, dtype=np.int32), n_columns=0)
    x = DesignMatrix(plain=RNG.normal(size=(N, q)), levels=(alone,))
    dense = np.asarray(x)
    assert dense.shape == (N, q)
    assert np.allclose(x.gram(), dense.T @ dense)
    assert x.by_group(np.arange(N), N).shape == (N, q)
    y = RNG.normal(size=N)
    found, expected = (
        adjusted(*sides(each, y), ridge=0.01, seed=1, purpose="d") for each in (x, dense)
    )
    assert found.value == pytest.approx(expected.value, rel=1e-11)
    if not q:
        known = Known(x=x, is_target=np.arange(N) % 2 == 0, group=np.arange(N))
        assert joint_test(known, seed=0, purpose="d") is None
    assert covariates({}, {"label": np.zeros(N, np.int64)}).x.levels == ()


def test_a_thousand_labels_take_no_matrix_of_samples_and_labels():
    n, n_labels = 20_000, 500
    rng = np.random.default_rng(1)
    label = np.arange(n) % n_labels
    y = rng.normal(size=n)
    tracemalloc.start()
    x = covariates({"a": rng.normal(size=n)}, {"label": label}).x
    adjusted(*sides(x, y), ridge=0.01, seed=0, purpose="m")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert x.shape == (n, n_labels)
    assert peak < n * n_labels * 8  # one copy of the array; the sums of folds take half of it
