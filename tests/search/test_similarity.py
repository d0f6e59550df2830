import math

import numpy as np
import pytest

from dejavu.errors import DataError
from dejavu.search import similarity as similarity_module
from dejavu.search.similarity import (
    pairwise,
    prepared,
    require_differences,
    require_usable,
    significant,
    similarity,
)


def vectors(*rows):
    return np.array(rows, dtype=np.float32)


def test_l2_is_minus_the_squared_distance_of_raw_vectors():
    assert similarity(vectors([1, 2]), vectors([4, 6]), "l2").tolist() == [-25.0]


def test_cosine_ignores_lengths():
    assert similarity(vectors([1, 1]), vectors([5, 0]), "cosine").tolist() == [0.707106781]


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_no_minus_zero(metric):
    value = similarity(vectors([1, 0]), vectors([1, 0] if metric == "l2" else [0, 1]), metric)
    assert str(value[0]) == "0.0"


def test_significant_keeps_nine_digits_at_any_scale():
    values = np.array([1.23456789012e-30, 1.23456789012, 1.23456789012e20, 0.0])
    assert significant(values) == pytest.approx(
        [1.23456789e-30, 1.23456789, 1.23456789e20, 0.0], rel=1e-15
    )


def test_a_pair_never_depends_on_its_company(monkeypatch):
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 50, 67)).astype(np.float32)
    rows, columns = (part.ravel() for part in np.mgrid[0:50, 0:50])
    for metric in ("l2", "cosine"):
        together = pairwise(left, rows, right, columns, metric)
        monkeypatch.setattr("dejavu.search.similarity.BYTES_AT_ONCE", 8 * 67 * 7)
        assert np.array_equal(pairwise(left, rows, right, columns, metric), together)


def test_what_has_no_similarity_is_refused():
    with pytest.raises(DataError, match="1 query vectors hold NaN"):
        require_usable(vectors([1, np.nan], [0, 1]), "l2", what="query")
    require_usable(vectors([0, 0]), "l2", what="bank")
    with pytest.raises(DataError, match="1 bank vectors are zero"):
        require_usable(vectors([0, 0]), "cosine", what="bank")


@pytest.mark.parametrize("dim", [1, 31, 32, 67, 128])
@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_compiled_and_vectorized_give_the_same_bits(metric, dim, monkeypatch):
    rng = np.random.default_rng(dim)
    left, right = (rng.standard_normal((2, 40, dim)) * 10 ** rng.uniform(-6, 6, (2, 40, 1))).astype(
        np.float32
    )
    rows, columns = rng.integers(0, 40, (2, 500))
    few = pairwise(left, rows, right, columns, metric)
    monkeypatch.setattr("dejavu.search.similarity.COMPILED_FROM", 1)
    for threads in (1, 3):
        assert np.array_equal(pairwise(left, rows, right, columns, metric, threads=threads), few)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_sums_are_those_of_a_loop(metric):
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((2, 5, 70)).astype(np.float32)
    for a, b, found in zip(left, right, similarity(left, right, metric), strict=True):
        a, b = a.astype(float), b.astype(float)
        if metric == "l2":
            exact = -math.fsum((a - b) ** 2)
        else:
            exact = math.fsum(a * b) / math.sqrt(math.fsum(a * a) * math.fsum(b * b))
        assert found == pytest.approx(exact, rel=1e-8, abs=1e-9)


def test_a_cosine_that_rounds_to_zero_from_below_is_zero():
    value = similarity(vectors([1, -1e-10]), vectors([0, 1]), "cosine")
    assert str(value[0]) == "0.0"


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_what_a_search_sees_is_centered_or_of_length_1(metric, monkeypatch):
    rows = np.random.default_rng(2).standard_normal((9, 5)).astype(np.float32)
    center = rows.mean(axis=0)
    expected = rows - center if metric == "l2" else rows / np.linalg.norm(rows, axis=1)[:, None]
    for bytes_at_once in (1, 8 * 5 * 4, 10**6):  # one vector, four, all
        monkeypatch.setattr("dejavu.search.similarity.BYTES_AT_ONCE", bytes_at_once)
        assert prepared(rows, metric, center) == pytest.approx(expected, rel=1e-6)


def test_only_searches_that_all_come_out_alike_are_refused():
    same = np.full((20, 2), 0.5)
    with pytest.raises(DataError, match=r"all 20 vectors are equally near \(0\.5\)"):
        require_differences(same)
    require_differences(same[:19])  # by chance, few may
    require_differences(same[:, :1])  # nobody is nearer than a single neighbor
    same[7, 1] -= 1e-9
    require_differences(same)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_few_and_many_pairs_take_the_same_way_to_the_same_bits(metric, monkeypatch):
    """Compiled code takes over from a number of values on, whole values of both vectors of all pairs."""
    left = np.random.default_rng(3).standard_normal((4, 6)).astype(np.float32)
    rows = np.arange(4)
    taken = []
    kept = {name: getattr(similarity_module, name) for name in ("_compiled", "_vectorized")}
    for name, function in kept.items():
        monkeypatch.setattr(
            similarity_module,
            name,
            lambda *args, name=name, function=function: taken.append(name) or function(*args),
        )
    found = []
    for least in (24, 25):
        monkeypatch.setattr(similarity_module, "COMPILED_FROM", least)
        found.append(pairwise(left, rows, left, rows[::-1], metric).tolist())
    assert taken == ["_compiled", "_vectorized"]
    assert found[0] == found[1]
