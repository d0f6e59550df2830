"""The consensus is right where any reference is."""

import numpy as np
import pyarrow as pa
import pytest

from dejavu.errors import ArtifactError, ParamsError
from dejavu.image.predictions import predictions_table
from dejavu.image.references.consensus import combine


def rows_of(name, distributions, truth=(0, 0, 1), role="target"):
    n = len(distributions)
    return predictions_table(
        name,
        sample_id=np.arange(n, dtype=np.int64),
        role=pa.array([role] * n, pa.string()),
        label_id=np.array(truth[:n], dtype=np.int32),
        probabilities=np.array(distributions, dtype=np.float64),
        label_ids=np.arange(3, dtype=np.int32),
    )


FIRST = rows_of("first", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
SECOND = rows_of("second", [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.25, 0.5, 0.25]])


def test_by_hand():
    both = pa.concat_tables([SECOND.take([2, 0, 1]), FIRST])  # row order does not matter
    rows = combine(both, ["first", "second"]).to_pydict()
    assert rows["predictor"] == ["consensus"] * 3
    assert rows["is_correct"] == [True, False, True]  # first right, none, second right
    assert rows["predicted_id"] == [0, 1, 1]  # the truth, the first's guess, the truth
    assert rows["p_truth"] == [0.5, 0.0, 0.25]
    assert rows["entropy"] == [0, 0, pytest.approx((np.log(2) + 1.5 * np.log(2)) / 2)]
    assert rows["confidence"] == [-value for value in rows["entropy"]]


def test_the_consensus_of_one_is_that_one():
    rows = combine(pa.concat_tables([FIRST, SECOND]), ["second"])
    assert rows.drop_columns(["predictor"]).equals(SECOND.drop_columns(["predictor"]))


def test_no_right_answer_leaks_into_the_entropy():
    names = ["first", "second"]
    truth = (1, 1, 0)
    other = pa.concat_tables(
        [
            rows_of("first", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]], truth),
            rows_of("second", [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.25, 0.5, 0.25]], truth),
        ]
    )
    same = combine(pa.concat_tables([FIRST, SECOND]), names)
    assert combine(other, names)["entropy"].equals(same["entropy"])


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ParamsError, match="Did you mean 'second'"):
        combine(pa.concat_tables([FIRST, SECOND]), ["first", "secnd"])


def test_nobody_is_no_consensus():
    with pytest.raises(ParamsError, match="at least one"):
        combine(FIRST, [])


def test_other_samples_are_refused():
    with pytest.raises(ArtifactError, match="sample_id"):
        combine(pa.concat_tables([FIRST, SECOND.slice(1)]), ["first", "second"])
