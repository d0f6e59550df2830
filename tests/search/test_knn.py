import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu.errors import DataError, ParamsError
from dejavu.search.knn import Search, recall
from tests.search.slow import bank_of, slow_nearest

coordinate = st.integers(-3, 3)


def vectors(n, nonzero=False):
    row = st.tuples(coordinate, coordinate, coordinate)
    if nonzero:
        row = row.filter(any)
    return st.lists(row, min_size=n, max_size=n).map(lambda rows: np.array(rows, np.float32))


def nearest(queries, bank, metric="l2", k=3, margin=2, index="Flat", section="s"):
    return Search(bank, metric=metric, index=index, section="image.neighbors").nearest(
        queries, k=k, margin=margin
    )


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from(["l2", "cosine"]), st.integers(1, 5), st.integers(1, 12))
@pytest.mark.slow
def test_equals_the_slow_twin_for_any_block_size_and_margin(data, metric, n_queries, n_bank):
    queries = data.draw(vectors(n_queries, nonzero=True))
    rows = data.draw(vectors(n_bank, nonzero=True))
    ids = np.cumsum(data.draw(st.lists(st.integers(1, 9), min_size=n_bank, max_size=n_bank)))
    k = data.draw(st.integers(1, n_bank))
    expected = slow_nearest(queries, rows, ids, k, metric)
    for block_rows in (1, 5, n_bank):
        for margin in (0, 3):
            bank = bank_of(rows, ids, block_rows=block_rows)
            assert nearest(queries, bank, metric, k, margin).ids.tolist() == expected


@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("block_rows", [1, 13, 64, 1000])
@pytest.mark.slow
def test_real_vectors_equal_the_slow_twin(metric, block_rows):
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((90, 33)) + 100).astype(np.float32)  # far from the origin
    queries = (rng.standard_normal((6, 33)) + 100).astype(np.float32)
    expected = slow_nearest(queries, rows, range(90), 10, metric)
    bank = bank_of(rows, block_rows=block_rows)
    assert nearest(queries, bank, metric, 10, 5).ids.tolist() == expected


@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("block_rows", [3, 20, 999])
@pytest.mark.slow
def test_the_same_image_many_times_stays_in_id_order(metric, block_rows):
    # Sixty copies of each of three vectors: far more equals than k plus margin.
    rng = np.random.default_rng(1)
    photos = rng.standard_normal((3, 64)).astype(np.float32)
    rows = np.concatenate([photos] * 60)  # rows j, j + 3, j + 6, … are one image
    found = nearest(photos, bank_of(rows, block_rows=block_rows), metric, k=5, margin=2)
    assert found.ids.tolist() == [[j, j + 3, j + 6, j + 9, j + 12] for j in range(3)]


def test_threads_never_change_the_answer(monkeypatch):
    rng = np.random.default_rng(2)
    rows, queries = (rng.standard_normal((n, 64)).astype(np.float32) for n in (700, 40))
    answers = []
    for threads in (1, 2, 4):
        monkeypatch.setattr("dejavu.run.cores.given", lambda n=threads: n)
        found = nearest(queries, bank_of(rows, block_rows=100), k=20, margin=20)
        assert faiss.omp_get_max_threads() == threads
        answers.append((found.ids.tolist(), found.similarities.tolist()))
    assert answers[0] == answers[1] == answers[2]


def test_similarities_descend_and_are_exact():
    rows = np.array([[0, 0], [3, 4], [1, 0]], np.float32)
    found = nearest(np.zeros((1, 2), np.float32), bank_of(rows), k=3)
    assert found.ids.tolist() == [[0, 2, 1]]
    assert found.similarities.tolist() == [[0.0, -1.0, -25.0]]


def test_asking_for_more_than_the_bank_holds_names_both_numbers():
    with pytest.raises(ParamsError, match=r"k=4 .* holds 3 vectors"):
        nearest(np.zeros((1, 2), np.float32), bank_of(np.eye(3, 2, dtype=np.float32)), k=4)


def test_no_query_has_no_neighbors():
    found = nearest(np.empty((0, 2), np.float32), bank_of(np.eye(3, 2, dtype=np.float32)), k=2)
    assert found.ids.shape == found.similarities.shape == (0, 2)


def test_a_vector_that_is_not_finite_is_refused():
    rows = np.eye(4, dtype=np.float32)
    rows[2, 1] = np.inf
    with pytest.raises(DataError, match="1 bank vectors"):
        nearest(np.zeros((1, 4), np.float32), bank_of(rows), k=2)


def test_vectors_that_say_nothing_are_refused():
    """One vector for every sample would be searched like any other, and every label be a guess."""
    one = np.full((30, 4), 0.5, dtype=np.float32)
    with pytest.raises(DataError, match="of all 30 vectors are equally near .* do not depend on"):
        nearest(one, bank_of(one), k=2)


def test_recall_ignores_order():
    exact = np.array([[1, 2, 3]])
    assert recall(np.array([[3, 1, 2]]), exact) == 1
    assert recall(np.array([[3, 8, 9]]), exact) == pytest.approx(1 / 3)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_similarities_equal_to_nine_digits_tie(metric):
    rows = np.array([[1, 1e-6], [1, 0]], np.float32)  # the second is nearer by one part in 10^12
    query = np.array([[2, 0]], np.float32)
    assert nearest(query, bank_of(rows), metric, k=2).ids.tolist() == [[0, 1]]
