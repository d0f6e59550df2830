"""Boxes of any kind: each is kept inside its image, or dropped and counted; odd ones in bulk are refused."""

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu.corpora.boxes import repair
from dejavu.corpora.plausibility import Tally, judge
from dejavu.corpora.records import Box
from dejavu.errors import DataError
from tests.corpora.limits import LIMITS, NO_LIMITS

SIDES = st.integers(1, 5_000)
CORNERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1), st.integers(-(2**40), 2**40),
    st.integers(0, 5_000),
)  # fmt: skip
BOXES = st.lists(st.builds(Box, CORNERS, CORNERS, CORNERS, CORNERS), max_size=5)
IMAGES = st.lists(
    st.tuples(BOXES, SIDES, SIDES, st.one_of(st.none(), st.tuples(SIDES, SIDES))), max_size=12
)


@given(IMAGES)
@settings(deadline=None, max_examples=200)
def test_each_box_is_kept_inside_its_image_or_counted(images):
    tally, n, n_kept = Tally(), 0, 0
    for number, (boxes, width, height, stated) in enumerate(images):
        kept = repair(
            boxes, width_px=width, height_px=height, stated_px=stated, tally=tally,
            place=f"image {number}",
        )  # fmt: skip
        n, n_kept = n + len(boxes), n_kept + len(kept)
        for box in kept:
            assert all(isinstance(corner, int) for corner in box.corners)
            assert 0 <= box.x0 < box.x1 <= width
            assert 0 <= box.y0 < box.y1 <= height
        if any(not math.isfinite(corner) for box in boxes for corner in box.corners):
            assert kept == []  # nobody knows where the objects of this image are
    assert tally.totals["boxes"] == n == n_kept + tally.counts["dropped_boxes"]
    with contextlib.suppress(DataError):
        judge(tally, LIMITS, where="drawn")
        assert tally.counts["dropped_boxes"] <= LIMITS.dropped_boxes * n
        assert not tally.counts["swapped_boxes"]


@given(IMAGES)
@settings(deadline=None, max_examples=50)
def test_without_limits_only_shares_of_width_and_height_are_refused(images):
    tally = Tally()
    for boxes, width, height, _ in images:
        repair(boxes, width_px=width, height_px=height, tally=tally)
    are_shares = tally.counts["relative_boxes"] == tally.totals["boxes"] > 0
    if are_shares or tally.counts["fractional_boxes"]:
        with pytest.raises(DataError, match="shares of width"):
            judge(tally, NO_LIMITS, where="drawn")
    else:
        judge(tally, NO_LIMITS, where="drawn")
