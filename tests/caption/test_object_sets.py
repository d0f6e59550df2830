import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.caption import object_sets
from dejavu.caption.object_sets import ObjectSets
from dejavu.errors import ArtifactError
from tests.caption import slow

N_VOCABULARY = 6


def object_sets_of(sets, first_id=100):
    lengths = [len(each) for each in sets]
    return ObjectSets(
        sample_ids=np.arange(first_id, first_id + len(sets), dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        object_ids=np.array([o for each in sets for o in sorted(each)], dtype=np.int32),
    )


def to_sets(keys, n_rows):
    found = [set() for _ in range(n_rows)]
    for key in keys.tolist():
        found[key // N_VOCABULARY].add(key % N_VOCABULARY)
    return found


SETS = [{0, 1}, {1, 2}, {2}, set(), {4, 1}]


@given(
    first=st.lists(st.sets(st.integers(0, N_VOCABULARY - 1)), min_size=3, max_size=3),
    second=st.lists(st.sets(st.integers(0, N_VOCABULARY - 1)), min_size=3, max_size=3),
)
@pytest.mark.slow
def test_intersections_equal_slow_twin(first, second):
    rows = np.arange(3, dtype=np.int64)
    a, b = (object_sets.keys_of(object_sets_of(s), rows, N_VOCABULARY) for s in (first, second))
    common = object_sets.count_by_row(a[object_sets.is_among(a, b)], 3, N_VOCABULARY)
    assert common.tolist() == [len(x & y) for x, y in zip(first, second, strict=True)]
    sizes = [np.array([len(each) for each in s]) for s in (first, second)]
    expected = [float(slow.jaccard(x, y)) for x, y in zip(first, second, strict=True)]
    assert object_sets.jaccard(*sizes, common.astype(np.int64)).tolist() == expected


def test_rows_of_an_unknown_sample_are_refused():
    with pytest.raises(ArtifactError, match="1 of 2 sample ids have no object set, e.g. 99"):
        object_sets_of(SETS).rows_of(np.array([100, 99]))


def likeliest(probabilities, top):
    keys = object_sets.likeliest_objects(np.array(probabilities, dtype=float), top)
    return to_sets(keys, len(probabilities))


def test_oracle_takes_the_most_probable_objects_and_breaks_ties_by_name():
    assert likeliest([[0.2, 1.0, 0.5, 0.5, 0.0, 0.0]], 2) == [{1, 2}]


def test_oracle_compares_nine_decimals():
    assert likeliest([[0.0, 0.0, 0.5, 0.5 + 4e-10, 0.0, 0.0]], 1) == [{2}]
    assert likeliest([[0.0, 0.0, 0.5, 0.5 + 6e-10, 0.0, 0.0]], 1) == [{3}]


def test_oracle_never_predicts_the_impossible():
    assert likeliest([[0.2, 1.0, 0.0, 0.0, 0.0, 0.0]], 4) == [{0, 1}]


@given(
    st.lists(
        st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=6, max_size=6).filter(any),
        min_size=1, max_size=3,
    )
)  # fmt: skip
@pytest.mark.slow
def test_oracle_of_all_objects_maximizes_f_of_the_expectations(probabilities):
    for row, found in zip(probabilities, likeliest(probabilities, None), strict=True):
        order = sorted(range(6), key=lambda each: (-row[each], each))
        scores = [2 * sum(row[o] for o in order[:m]) / (m + sum(row)) for m in range(1, 7)]
        best = next(m for m, score in enumerate(scores, 1) if score >= max(scores) - 1e-12)
        assert found == {o for o in order[:best] if row[o] > 0}
