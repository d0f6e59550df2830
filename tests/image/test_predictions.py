"""Every predictor's rows: truth looked up, entropy, ties."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.errors import DataError
from dejavu.image import predictions
from dejavu.tables.schemas import PREDICTIONS

LABELS = np.array([2, 5, 9], dtype=np.int32)


def rows_of(probabilities, truth, **more):
    n = len(truth)
    return predictions.predictions_table(
        "toy",
        sample_id=np.arange(n, dtype=np.int64),
        role=pa.array(["target"] * n, pa.string()),
        label_id=np.array(truth, dtype=np.int32),
        probabilities=np.array(probabilities, dtype=np.float64).reshape(n, len(LABELS)),
        label_ids=LABELS,
        **more,
    )


def test_rows_by_hand():
    rows = rows_of([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], [5, 5, 9]).to_pydict()
    assert rows["predicted_id"] == [2, 5, 9]  # the tie of the second row goes to the smaller id
    assert rows["is_correct"] == [False, True, True]
    assert rows["p_truth"] == [0.25, 0.5, 1.0]
    assert rows["entropy"] == [pytest.approx(1.5 * math.log(2)), pytest.approx(math.log(2)), 0.0]
    assert rows["confidence"] == [-value for value in rows["entropy"]]
    assert math.copysign(1, rows["confidence"][2]) == 1  # not minus zero


def test_a_tie_rule_of_the_predictor_wins():
    rows = rows_of([[0.0, 0.5, 0.5]], [9], predicted_id=np.array([9], dtype=np.int32))
    assert rows["is_correct"].to_pylist() == [True]


def test_float_noise_is_a_tie():
    noisy = [0.1 + 0.2, 0.3, 0.4]  # 0.30000000000000004 is not 0.3
    assert predictions.most_probable(np.array([[0.3, 0.1 + 0.2, 0.0]]), LABELS).tolist() == [2]
    permuted = predictions.entropy(np.array([noisy, noisy[::-1]]))
    assert permuted[0] == permuted[1]


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=0, max_size=8))
def test_entropy_equals_its_definition(counts):
    shares = np.array([np.array(c) / sum(c) for c in counts if sum(c)]).reshape(-1, 3)
    slow = [sum(-p * math.log(p) for p in row if p > 0) for row in shares.tolist()]
    assert predictions.entropy(shares) == pytest.approx(slow, abs=1e-9)


def test_no_samples_make_no_rows():
    rows = rows_of([], [])
    assert rows.num_rows == 0
    assert rows.schema.equals(PREDICTIONS.schema)


@pytest.mark.parametrize(
    "row", [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [math.nan, 0.5, 0.5]], ids=["sum", "sign", "nan"]
)
def test_a_row_that_is_no_distribution_is_refused(row):
    with pytest.raises(DataError, match=r"1 of 2 rows are no distribution.*sample 1"):
        rows_of([[1.0, 0.0, 0.0], row], [2, 2])


def test_an_unknown_true_label_is_refused():
    with pytest.raises(DataError, match="label_id 3"):
        rows_of([[1.0, 0.0, 0.0]], [3])


def test_labels_must_ascend():
    with pytest.raises(DataError, match="ascend"):
        predictions.columns_of(LABELS, LABELS[::-1].copy(), what="toy")


def test_nothing_to_predict_is_refused():
    with pytest.raises(DataError, match="no label"):
        predictions.most_probable(np.zeros((2, 0)), np.zeros(0, dtype=np.int32))
