"""The oracle guesses what the corpus knows, and says when it knows nothing."""

import math

import pytest

from dejavu.errors import DataError
from dejavu.image.kept_crops import CropTables
from dejavu.image.references import oracle
from dejavu.tables.schemas import PREDICTIONS
from tests.image.tables_of import write_world

PEOPLE = [("target", 0, True), ("control", 2, True), ("reference", 1, True), ("target", 1, False)]


def truth(*distributions):
    return [None if d is None else {"probabilities": d} for d in distributions]


def predictions(tmp_path, known):
    paths = write_world(tmp_path, PEOPLE, n_labels=3, truth=known)
    oracle.write_predictions(inputs=CropTables(**paths), out=tmp_path / "oracle.parquet")
    return PREDICTIONS.read(tmp_path / "oracle.parquet")


def test_by_hand(tmp_path):
    known = truth([0.5, 0.25, 0.25], [0.2, 0.4, 0.4], None, None)  # only attacked crops need it
    rows = predictions(tmp_path, known).to_pydict()
    assert rows["sample_id"] == [10, 13]
    assert rows["predictor"] == ["oracle", "oracle"]
    assert rows["predicted_id"] == [0, 1]  # the tie of the second goes to the smaller label id
    assert rows["is_correct"] == [True, False]
    assert rows["p_truth"] == [0.5, 0.4]
    assert rows["entropy"][0] == pytest.approx(1.5 * math.log(2))


def test_an_unknown_truth_makes_an_empty_table_and_a_message(tmp_path, capsys):
    assert predictions(tmp_path, None).num_rows == 0
    assert "knows no true distribution" in capsys.readouterr().err


@pytest.mark.parametrize("second", [None, [0.5, 0.5]], ids=["missing", "too_short"])
def test_a_truth_for_some_only_is_refused(tmp_path, second):
    with pytest.raises(DataError, match="1 of 2 attacked samples"):
        predictions(tmp_path, truth([1.0, 0.0, 0.0], second, None, None))
