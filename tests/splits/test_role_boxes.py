"""Boxes of one given role in another unit are refused, whatever the folders."""

import contextlib
import json

import pyarrow as pa
import pytest

from dejavu.errors import DataError
from dejavu.splits import role_boxes
from dejavu.splits.outcome import coded
from dejavu.tables.schemas import SAMPLES
from tests.corpora.limits import limits

N, SIZE = 40, (80, 60)


def rows(change):
    """Half of the samples are control; their boxes are changed."""
    found = []
    for i in range(N):
        box = (5 + i % 29, 4 + i % 17, 45 + i % 35, 31 + i % 29)
        corners = change(*box) if i % 2 else box
        found.append([dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True)) | {"label": None}])
    fields = [SAMPLES.schema.field(name) for name in role_boxes.COLUMNS]
    return pa.table([[SIZE[0]] * N, [SIZE[1]] * N, found], schema=pa.schema(fields))


def judge(change, **raised):
    roles = coded(["target", "control"] * (N // 2))
    return role_boxes.judge([rows(change)], roles, limits(**raised), where="split")


def sizes(x, y, a, b):
    return x, y, a - x, b - y


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (sizes, "in role control: all 20 boxes that do not start at the origin fit"),
        (lambda *box: [v // 3 for v in box], "in role control: not one of 20 boxes reaches beyond"),
        (lambda x, y, a, _: (x, y, a, y + 1), "in role control: 20 of 20 boxes have a side of one pixel"),
    ],
)  # fmt: skip
def test_a_role_in_another_unit_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        judge(change)


def test_roles_that_agree_pass():
    assert judge(lambda *box: box) == {}


def test_a_role_that_is_let_through_is_noted():
    assert json.loads(judge(sizes, swapped_boxes=1.0)["swapped_boxes"]) == [20, 20]


def test_no_box_and_no_size_say_nothing():
    fields = [SAMPLES.schema.field(name) for name in role_boxes.COLUMNS]
    empty = pa.table([[None, 5], [None, 5], [[], []]], schema=pa.schema(fields))
    assert role_boxes.judge([empty], coded(["target", "unused"]), limits(), where="") == {}


def test_parts_change_nothing():
    whole = rows(lambda *box: box)
    changed = rows(sizes)
    roles = coded(["target", "control"] * (N // 2))
    for each in (whole, changed):
        parts = [each.slice(0, 7), each.slice(7, 0), each.slice(7)]
        told = []
        for cut in ([each], parts):
            with contextlib.suppress(DataError):
                role_boxes.judge(cut, roles, limits(), where="split")
                told.append("")
                continue
            with pytest.raises(DataError) as caught:
                role_boxes.judge(cut, roles, limits(), where="split")
            told.append(str(caught.value))
        assert told[0] == told[1]
