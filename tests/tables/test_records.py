"""Rows of a query as records: columns and fields are one thing, and an error says where they differ."""

import dataclasses

import pyarrow as pa
import pytest

from dejavu.tables.records import rows_as


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    role: str
    n: int
    share: float | None


ROWS = pa.table({"role": ["target", "control"], "n": [3, 4], "share": [0.5, None]})


def test_every_row_becomes_a_record():
    assert rows_as(Counted, ROWS) == [Counted("target", 3, 0.5), Counted("control", 4, None)]
    assert rows_as(Counted, ROWS.slice(0, 0)) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["role", "n"], "Counted: the query has no column ['share']"),
        (["role", "count", "share"], "no column ['n']; the query has ['count'], which is no field"),
        (["n", "role", "share"], "the query has these columns in the order ['n', 'role', 'share']"),
    ],
)
def test_a_query_with_other_columns_is_refused(columns, expected):
    renamed = dict(zip(columns, ROWS.columns, strict=False))
    with pytest.raises(TypeError) as caught:
        rows_as(Counted, pa.table(renamed))
    assert expected in str(caught.value)
