import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu.errors import DataError
from dejavu.image import voting
from dejavu.image.voting import count_votes, predictions
from dejavu.roles import predictor_name


def slow_vote(labels, similarities):
    """Return winner, entropy and shares of one sample's votes, from the definition."""
    tally = {label: labels.count(label) for label in labels}
    nearest = {
        label: max(s for voter, s in zip(labels, similarities, strict=True) if voter == label)
        for label in tally
    }
    winner = min(tally, key=lambda label: (-tally[label], -nearest[label], label))
    shares = {label: count / len(labels) for label, count in tally.items()}
    return winner, -sum(p * math.log(p) for p in shares.values()), shares


def neighbors_table(ids, similarities):
    return pa.table(
        {
            "sample_id": pa.array(np.arange(len(ids)) + 1000, pa.int64()),
            "neighbor_ids": pa.array(ids, pa.list_(pa.int64())),
            "similarities": pa.array(similarities, pa.list_(pa.float32())),
        }
    )


def vote(labels, similarities, truth, n_labels=5):
    """Let row i's j-th neighbor be a public sample with the label at [i][j]."""
    labels = np.array(labels)
    ids = np.arange(labels.size).reshape(labels.shape) * 2 + 1
    return predictions(
        "m",
        neighbors_table(ids.tolist(), similarities),
        role=pa.array(["target"] * len(labels)),
        truth=np.array(truth, np.int32),
        public_ids=np.sort(ids.ravel()),
        public_labels=labels.ravel().astype(np.int32),
        label_ids=np.arange(n_labels, dtype=np.int32),
    ).to_pylist()


def test_by_hand():
    (row,) = vote([[2, 1, 1, 2]], [[0.9, 0.8, 0.7, 0.6]], truth=[1])
    assert row["predicted_id"] == 2  # two votes each, label 2's nearest voter is nearer
    assert row["is_correct"] is False
    assert row["entropy"] == 0.693147181
    assert row["confidence"] == -0.693147181
    assert row["p_truth"] == 0.5
    assert (row["sample_id"], row["label_id"], row["predictor"]) == (1000, 1, "m")


def test_equally_near_voters_leave_it_to_the_smaller_label():
    (row,) = vote([[3, 2, 0]], [[0.9, 0.9, 0.8]], truth=[0])
    assert row["predicted_id"] == 2


def test_equally_near_voters_behind_the_nearest_leave_it_to_the_smaller_label():
    (row,) = vote([[4, 3, 1, 3, 1]], [[0.9, 0.8, 0.8, 0.7, 0.7]], truth=[0])
    assert row["predicted_id"] == 1


def test_a_unanimous_vote_has_no_entropy():
    (row,) = vote([[3, 3, 3]], [[3.0, 2.0, 1.0]], truth=[3])
    assert (row["entropy"], row["p_truth"], row["is_correct"]) == (0.0, 1.0, True)
    assert str(row["confidence"]) == "0.0"


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 6), st.integers(1, 7), st.data(), st.integers(1, 40))
@pytest.mark.slow
def test_equals_the_slow_twin_in_any_blocks(n, k, data, cells):
    label, similarity = st.integers(0, 3), st.sampled_from([0.0, -0.5, -1.0, -2.5])
    labels = data.draw(st.lists(st.lists(label, min_size=k, max_size=k), min_size=n, max_size=n))
    near = [
        sorted(data.draw(st.lists(similarity, min_size=k, max_size=k)), reverse=True)
        for _ in range(n)
    ]
    truth = data.draw(st.lists(label, min_size=n, max_size=n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voting, "CELLS_AT_ONCE", cells)
        rows = vote(labels, near, truth)
    assert len(rows) == n
    for row, voters, similarities, true in zip(rows, labels, near, truth, strict=True):
        winner, entropy, shares = slow_vote(voters, similarities)
        assert row["predicted_id"] == winner
        assert row["entropy"] == pytest.approx(entropy, abs=1e-9)
        assert row["p_truth"] == shares.get(true, 0.0)
        assert row["is_correct"] == (winner == true)


def test_permuted_votes_tie_exactly_in_confidence():
    rows = vote([[0, 1, 1, 2, 2, 2], [4, 4, 4, 3, 3, 0]], [[6.0, 5, 4, 3, 2, 1]] * 2, truth=[0, 0])
    assert rows[0]["confidence"] == rows[1]["confidence"]


def test_float32_similarities_decide_the_tie_as_stored():
    labels = np.array([[1, 0]], dtype=np.int32)
    near = np.array([[np.nextafter(np.float32(1), np.float32(2)), 1]], dtype=np.float32)
    assert count_votes(labels, near, truth=np.array([0])).winner.tolist() == [1]


@pytest.mark.parametrize("stranger", [-5, 0, 2, 4, 10**12])
@pytest.mark.parametrize("public", [[1, 3], [1, 10**9]])  # dense and scattered ids
def test_neighbors_of_another_run_are_refused(stranger, public):
    with pytest.raises(DataError, match="1 neighbors are no samples of the public role"):
        predictions(
            "m", neighbors_table([[1, stranger]], [[1.0, 0.5]]), role=pa.array(["target"]),
            truth=np.array([0], np.int32), public_ids=np.array(public),
            public_labels=np.array([0, 0], np.int32), label_ids=np.array([0], np.int32),
        )  # fmt: skip


def test_scattered_ids_vote_like_dense_ones():
    for public in ([5, 6, 7], [5, 6, 10**15]):
        ids = [[public[2], public[0], public[2]], [public[1], public[0], public[0]]]
        rows = predictions(
            "m", neighbors_table(ids, [[3.0, 2.0, 1.0]] * 2), role=pa.array(["target"] * 2),
            truth=np.array([4, 4], np.int32), public_ids=np.array(public),
            public_labels=np.array([4, 2, 9], np.int32), label_ids=np.array([2, 4, 9], np.int32),
        ).to_pylist()  # fmt: skip
        assert [row["predicted_id"] for row in rows] == [9, 4]
        assert [row["p_truth"] for row in rows] == [1 / 3, 2 / 3]


@pytest.mark.parametrize("n_labels", [3, 1 << 19])  # votes sorted as int32 and as int64
def test_labels_of_any_size_are_counted(n_labels):
    last = n_labels - 1
    labels = np.full((2, 5000), last)
    labels[0, :2501] = 1
    vote = count_votes(labels, np.zeros((2, 5000), np.float32), truth=np.array([last, 1]))
    assert vote.winner.tolist() == [1, last]
    assert vote.p_truth.tolist() == [2499 / 5000, 0.0]


def test_no_neighbor_list_gives_no_row():
    table = neighbors_table([], []).slice(0, 0)
    rows = predictions(
        "m", table, role=pa.array([], pa.string()), truth=np.zeros(0, np.int32),
        public_ids=np.zeros(0, np.int64), public_labels=np.zeros(0, np.int32),
        label_ids=np.zeros(0, np.int32),
    )  # fmt: skip
    assert rows.num_rows == 0


def test_rows_of_different_length_are_refused():
    with pytest.raises(DataError, match=r"rows hold \[1, 2\] neighbors"):
        predictions(
            "m", neighbors_table([[1, 2], [1]], [[1.0, 0.5], [1.0]]),
            role=pa.array(["target"] * 2), truth=np.zeros(2, np.int32),
            public_ids=np.array([1, 2]), public_labels=np.zeros(2, np.int32),
            label_ids=np.array([0], np.int32),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "metric", "name"),
    [
        ("projector", "l2", "vicreg"),
        ("backbone", "l2", "vicreg_backbone"),
        ("projector", "cosine", "vicreg_cosine"),
        ("backbone", "cosine", "vicreg_backbone_cosine"),
    ],
)
def test_a_predictor_is_named_by_what_is_not_the_default(layer, metric, name):
    layers, metrics = ["projector", "backbone"], ["l2", "cosine"]
    assert predictor_name("vicreg", layer, metric, layers=layers, metrics=metrics) == name
