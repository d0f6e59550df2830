import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.caption import hits, object_sets
from tests.caption import slow
from tests.caption.test_object_sets import N_VOCABULARY, SETS, object_sets_of, to_sets


def count(neighbors, sets, truth, k, top):
    """Return the predicted true objects of each row; the counts must be theirs."""
    rows, places = np.array(neighbors, dtype=np.int64), np.arange(len(truth))
    keys = object_sets.keys_of(object_sets_of(truth), places, N_VOCABULARY)
    n_hits, n_predicted, correct = hits.count(
        rows, object_sets_of(sets), keys, N_VOCABULARY, k=k, top=top
    )
    assert (np.diff(correct) > 0).all(), "keys must ascend without repeats"
    found = to_sets(correct, len(neighbors))
    assert n_hits.tolist() == [len(each) for each in found]
    return found, n_predicted.tolist()


def predict(neighbors, sets, k, top):
    """Every object is true: what is predicted is a hit."""
    everything = [set(range(N_VOCABULARY))] * len(neighbors)
    found, n_predicted = count(neighbors, sets, everything, k, top)
    assert n_predicted == [len(each) for each in found]
    return found


@pytest.mark.parametrize(
    ("k", "top", "expected"),
    [
        (1, None, {0, 1}),
        (2, None, {0, 1, 2}),
        (4, 1, {1}),  # shown by three neighbors
        (4, 2, {1, 2}),  # 2 is shown by two, 0 and 4 by one
        (4, 3, {0, 1, 2}),  # 0 and 4 by one each; 0 by a nearer neighbor
        (4, None, {0, 1, 2, 4}),
    ],
)
def test_prediction_by_hand(k, top, expected):
    assert predict([[0, 1, 2, 4]], SETS, k, top) == [expected]


def test_equal_votes_and_ranks_go_by_name():
    assert predict([[4, 3]], SETS, 2, 1) == [{1}]


def test_neighbors_without_objects_predict_nothing():
    assert predict([[3, 3], [3, 0]], SETS, 2, None) == [set(), {0, 1}]


LISTS = st.lists(
    st.sets(st.integers(0, N_VOCABULARY - 1), max_size=4), min_size=4, max_size=8
)  # fmt: skip


@given(sets=LISTS, data=st.data(), k=st.integers(1, 4), top=st.none() | st.integers(1, 4))
@pytest.mark.slow
def test_hits_equal_slow_twin(sets, data, k, top):
    row = st.permutations(range(len(sets))).map(lambda order: order[:4])
    neighbors = data.draw(st.lists(row, min_size=1, max_size=5))
    truth = data.draw(
        st.lists(
            st.sets(st.integers(0, N_VOCABULARY - 1)),
            min_size=len(neighbors), max_size=len(neighbors),
        )
    )  # fmt: skip
    expected = [slow.predicted(each, sets, k, top) for each in neighbors]
    assert predict(neighbors, sets, k, top) == expected
    found, n_predicted = count(neighbors, sets, truth, k, top)
    assert found == [guess & true for guess, true in zip(expected, truth, strict=True)]
    assert n_predicted == [len(guess) for guess in expected]


def test_votes_of_many_levels():
    """Objects with many votes, few, and a cut inside one level, row after row."""
    rng = np.random.default_rng(0)
    sets = [set(rng.choice(N_VOCABULARY, 3, replace=False).tolist()) for _ in range(40)]
    neighbors = rng.integers(0, 40, (200, 30)).tolist()
    for top in (1, 2, 3, 4, 5, None):
        expected = [slow.predicted(each, sets, 30, top) for each in neighbors]
        assert predict(neighbors, sets, 30, top) == expected


def test_no_samples():
    assert predict(np.zeros((0, 3)), SETS, 2, 1) == []
