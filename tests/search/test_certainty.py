"""Every constant, sign and comparison of the bound, by hand; then against a FAISS that errs all it may."""

import numpy as np
import pytest

from dejavu.search import candidates
from dejavu.search.certainty import error_bound, is_unsure, rounding_bound
from dejavu.search.held_bank import Bank
from dejavu.search.knn import Search
from tests.search.slow import bank_of, slow_nearest

EPS = 2.0**-23


@pytest.mark.parametrize(
    ("norm", "largest", "dim", "expected"),
    [
        (1.0, 1.0, 0, 8 * EPS * 4),
        (1.0, 1.0, 1, 9 * EPS * 4),
        (3.0, 2.0, 100, 108 * EPS * 25),
        (0.0, 4.0, 8, 16 * EPS * 16),
        (4.0, 0.0, 8, 16 * EPS * 16),
    ],
)
def test_the_bound_of_distances_by_hand(norm, largest, dim, expected):
    assert error_bound(np.array([norm]), largest, dim=dim, metric="l2").tolist() == [expected]


@pytest.mark.parametrize(
    ("norm", "largest", "dim", "expected"),
    [(1.0, 1.0, 0, 8 * EPS), (3.0, 2.0, 100, 108 * EPS * 6), (0.5, 1.0, 1, 9 * EPS / 2)],
)
def test_the_bound_of_inner_products_by_hand(norm, largest, dim, expected):
    assert error_bound(np.array([norm]), largest, dim=dim, metric="cosine").tolist() == [expected]


@pytest.mark.parametrize("worst", [0.5, -3.0])
def test_one_bound_above_the_worst_candidate_is_the_last_unsure_similarity(worst):
    edge = worst + 0.5
    last = np.array([np.nextafter(edge, -9), edge, np.nextafter(edge, 9)])
    found = is_unsure(last, np.full(3, worst), np.full(3, 0.5))
    assert found.tolist() == [True, True, False]


@pytest.mark.parametrize("worst", [np.inf, -np.inf, np.nan])
def test_similarities_beyond_float32_prove_nothing(worst):
    assert is_unsure(np.array([0.9]), np.array([worst]), np.array([0.1])).tolist() == [True]


@pytest.mark.parametrize(("metric", "expected"), [("cosine", [8.0, 2.0]), ("l2", [16.0, 4.0])])
def test_the_bound_of_rounding_by_hand(metric, expected):
    """0.5 · (3 + 1) + 6 · 1, and 0 · (3 + 1) + 2 · 1: distances count the product twice."""
    found = rounding_bound(np.array([6.0, 2.0]), np.array([0.5, 0.0]), 3.0, 1.0, metric=metric)
    assert found.tolist() == expected


class Adversary:
    """FAISS, but every float32 similarity errs against the true answer by nearly the bound."""

    def __init__(self, share):
        self.share = share  # of one error bound
        self.n_searches = 0
        self.kept = candidates.faiss.knn

    def __call__(self, queries, vectors, k, metric):
        self.n_searches += 1
        exact = queries.astype(np.float64) @ vectors.T.astype(np.float64)
        if metric == candidates.faiss.METRIC_L2:
            squares = [(part.astype(np.float64) ** 2).sum(axis=1) for part in (queries, vectors)]
            exact = 2 * exact - squares[0][:, None] - squares[1][None]
        norms = np.linalg.norm(queries, axis=1), np.linalg.norm(vectors, axis=1)
        bound = error_bound(
            norms[0].astype(np.float64), float(norms[1].max()), dim=queries.shape[1],
            metric="l2" if metric == candidates.faiss.METRIC_L2 else "cosine",
        )  # fmt: skip
        nearest = exact >= np.sort(exact, axis=1)[:, [-3]]  # the three nearest look farther away
        seen = exact + np.where(nearest, -1, 1) * self.share * bound[:, None]
        order = np.argsort(-seen, axis=1, kind="stable")[:, :k]
        values = np.take_along_axis(seen, order, 1).astype(np.float32)
        return (-values if metric == candidates.faiss.METRIC_L2 else values), order


def shell(n, dim, spread, seed=0):
    """Vectors nearly equally far from the origin, within `spread` of the distance."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows * (1 + spread * rng.random((n, 1)))).astype(np.float32)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("block_rows", [11, 1000])
def test_the_answer_is_exact_although_float32_errs_by_all_it_may(metric, block_rows, monkeypatch):
    dim = 24
    query = np.zeros((1, dim), np.float32)
    query[0, 0] = 1e-6
    rows = shell(300, dim, spread=2e-5)
    if metric == "cosine":
        rows = (np.ones((300, dim)) + shell(300, dim, 0) * 1e-3).astype(np.float32)
        query = np.ones((1, dim), np.float32)
    expected = slow_nearest(query, rows, range(300), 3, metric)
    adversary = Adversary(share=0.99)
    monkeypatch.setattr(candidates.faiss, "knn", adversary)
    bank = bank_of(rows, block_rows=block_rows)
    found = Search(bank, metric=metric, index="Flat", section="s").nearest(query, k=3, margin=1)
    assert found.ids.tolist() == expected
    assert adversary.n_searches > -(-300 // block_rows), (
        "the first candidates cannot have been enough"
    )


@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("margin", [1, 296])  # 296: all vectors but one are candidates
def test_a_clearly_nearest_vector_proves_nothing_of_the_others(metric, margin, monkeypatch):
    dim = 24
    query = np.eye(1, dim, dtype=np.float32)
    rows = np.concatenate([np.zeros((300, 1), np.float32), shell(300, dim - 1, spread=0)], axis=1)
    rows[:, 0] = np.random.default_rng(1).random(300) * 2e-6  # nearly ties, for float32
    rows[17] = query
    expected = slow_nearest(query, rows, range(300), 3, metric)
    monkeypatch.setattr(candidates.faiss, "knn", Adversary(share=0.99))
    search = Search(bank_of(rows, block_rows=300), metric=metric, index="Flat", section="s")
    assert search.nearest(query, k=3, margin=margin).ids.tolist() == expected


def test_the_longest_vector_of_any_block_makes_the_bound(monkeypatch):
    """The nearest looks farther away by the bound of its block; the last block's vectors are short."""
    dim = 24
    query = np.eye(1, dim, dtype=np.float32) * np.float32(0.9)
    bound = float(error_bound(np.array([0.9]), 1.0, dim=dim, metric="l2")[0])
    first = np.zeros((6, dim), np.float32)
    first[:, 0] = [1, 1, 1, -1, -1, -1]  # their mean is the origin
    first[:3, 1] = np.sqrt(
        0.4 * bound * np.arange(3)
    )  # each farther than the one before by 0.4 bounds
    first[3:, 1] = -first[:3, 1]
    last = np.concatenate([first[3:], first[:3]]) * np.float32(0.05)

    def erring(queries, vectors, k, metric):
        exact = -((queries[:, None].astype(np.float64) - vectors) ** 2).sum(axis=2)
        norms = [np.linalg.norm(each, axis=1).astype(np.float64) for each in (queries, vectors)]
        most = error_bound(norms[0], float(norms[1].max()), dim=dim, metric="l2")
        exact[0, exact[0].argmax()] -= 0.99 * most[0]
        order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
        return -np.take_along_axis(exact, order, 1).astype(np.float32), order

    monkeypatch.setattr(candidates.faiss, "knn", erring)
    bank = bank_of(np.concatenate([first, last]), block_rows=6)
    search = Search(bank, metric="l2", index="Flat", section="s")
    assert search.nearest(query, k=1, margin=1).ids.tolist() == [[0]]


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_where_float32_is_sure_nothing_is_searched_again(metric, monkeypatch):
    rng = np.random.default_rng(0)
    rows, query = rng.standard_normal((300, 8)), rng.standard_normal((5, 8))
    adversary = Adversary(share=0.0)
    monkeypatch.setattr(candidates.faiss, "knn", adversary)
    search = Search(
        bank_of(rows.astype(np.float32), block_rows=300), metric=metric, index="Flat", section="s"
    )
    search.nearest(query.astype(np.float32), k=3, margin=20)
    assert adversary.n_searches == 1


@pytest.mark.parametrize("far", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("memory_gb", [1e-7, 1e-5, 1.0])
def test_near_ties_clusters_and_vectors_far_away_equal_the_slow_twin(far, metric, memory_gb):
    rng = np.random.default_rng(int(far) + 1)
    centers = rng.standard_normal((4, 16)) + far
    steps = np.float32(1) + rng.integers(-2, 3, (120, 16)) * np.float32(EPS)  # a few last bits
    rows = (centers[rng.integers(0, 4, 120)] * steps).astype(np.float32)
    queries = centers.astype(np.float32)
    ids = np.cumsum(rng.integers(1, 4, 120))
    expected = slow_nearest(queries, rows, ids, 12, metric)
    search = Search(
        bank_of(rows, ids, block_rows=50),
        metric=metric,
        index="Flat",
        section="s",
        memory_gb=memory_gb,
    )
    assert search.nearest(queries, k=12, margin=2).ids.tolist() == expected


def test_a_bank_that_fits_is_decoded_once_and_one_that_does_not_is_streamed():
    rows = np.random.default_rng(0).standard_normal((100, 8)).astype(np.float32)
    n_passes = []
    for memory_gb in (1.0, 1e-6):
        bank, passes = bank_of(rows), []
        counted = Bank(
            blocks=lambda bank=bank, passes=passes: passes.append(1) or bank.blocks(),
            n_rows=100,
            dim=8,
        )
        search = Search(counted, metric="l2", index="Flat", section="s", memory_gb=memory_gb)
        found = [
            search.nearest(rows[part], k=3, margin=9).ids for part in (slice(0, 50), slice(50, 99))
        ]
        assert np.concatenate(found)[:, 0].tolist() == list(range(99))
        n_passes.append(len(passes))
    assert n_passes == [1, 5]  # the mean once; candidates and ranking for each group of queries
