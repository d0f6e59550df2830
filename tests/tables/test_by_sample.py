"""Rows of a table by sample, for ids in ascending order."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import ArtifactError
from dejavu.tables import by_sample


@pytest.fixture
def texts(tmp_path):
    """A table of 30 rows in groups of ten, with even ids."""
    rows = pa.table(
        {"sample_id": np.arange(0, 60, 2), "text": [f"{i:02}" for i in range(0, 60, 2)]}
    )
    pq.write_table(rows, tmp_path / "t.parquet", row_group_size=10)
    return tmp_path / "t.parquet"


def test_rows_come_in_the_order_of_the_ids_and_say_which_exist(texts):
    rows, exists = by_sample.find(texts, np.array([4, 5, 22, 58]), ["text"])
    assert rows["text"].to_pylist() == ["04", "22", "58"]
    assert exists.tolist() == [True, False, True, True]
    rows, _ = by_sample.find(texts, np.array([4, 4, 22]), ["text"])
    assert rows["text"].to_pylist() == ["04", "04", "22"]
    with pytest.raises(ArtifactError, match=r"1 of 2 sample ids have no row, e\.g\. 5"):
        by_sample.require(texts, np.array([4, 5]), ["text"])


def test_text_is_never_put_into_one_array(texts):
    """Which would hold 2 GiB at most: the captions of a large role are more."""
    rows = by_sample.require(texts, np.arange(0, 60, 2), ["text"])
    assert rows["text"].num_chunks > 1
