"""Boxes of any kind: each is kept inside its image, or dropped and counted; odd ones in bulk are refused."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu.corpora import tallies
from dejavu.corpora.boxes import MAX_CORNER, of_record, repair
from dejavu.corpora.plausibility import judge
from dejavu.corpora.records import Box, Record
from dejavu.corpora.tallies import Tally
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
@pytest.mark.slow
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
        if any(not abs(corner) < MAX_CORNER for box in boxes for corner in box.corners):
            assert kept == []  # nobody knows where the objects of this image are
    assert tally.totals["boxes"] == n == n_kept + tally.counts["dropped_boxes"]
    with contextlib.suppress(DataError):
        judge(tally, LIMITS, where="drawn")
        assert tally.counts["dropped_boxes"] <= LIMITS.dropped_boxes * n
        assert not tally.counts["swapped_boxes"]


@given(IMAGES)
@settings(deadline=None, max_examples=50)
@pytest.mark.slow
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


FOLDERS = st.sampled_from(["", "a/", "a/b/", "c/"])


@given(st.lists(st.tuples(FOLDERS, IMAGES.map(lambda images: images[:1])), max_size=12))
@settings(deadline=None, max_examples=50)
@pytest.mark.slow
def test_folders_add_up_and_end_in_notes_or_a_named_error(drawn):
    tally, expected = Tally(), {}
    for number, (folder, images) in enumerate(drawn):
        for boxes, width, height, stated in images:
            record = Record(
                name=f"{number}", uri=f"{folder}{number}.jpg", boxes=tuple(boxes), boxes_px=stated
            )
            of_record(record, width, height, tally)
            for name in {"a/b/": ("a/", "a/b/")}.get(folder, (folder,) if folder else ()):
                expected[name] = expected.get(name, 0) + len(boxes)
    found = {name: group.totals["boxes"] for name, group in tally.groups.items()}
    assert found == {name: n for name, n in expected.items() if n}
    with contextlib.suppress(DataError):
        judge(tally, LIMITS, where="drawn")


@given(
    st.lists(
        st.tuples(*[st.integers(1, 60)] * 2).flatmap(
            lambda size: st.tuples(
                st.just(size),
                st.lists(st.integers(0, size[0]), min_size=2, max_size=2, unique=True).map(sorted),
                st.lists(st.integers(0, size[1]), min_size=2, max_size=2, unique=True).map(sorted),
            )
        ),
        min_size=1, max_size=40,
    )
)  # fmt: skip
@settings(deadline=None, max_examples=100)
@pytest.mark.slow
def test_boxes_at_once_count_as_one_by_one(drawn):
    slow = Tally()
    corners = [(x0, y0, x1, y1) for _, (x0, x1), (y0, y1) in drawn]
    for (size, *_), box in zip(drawn, corners, strict=True):
        repair([Box(*box)], width_px=size[0], height_px=size[1], tally=slow)
    fast = tallies.of_arrays(np.array(corners), np.array([size for size, *_ in drawn]))
    for kind in ("one_pixel_boxes", "placed_as_sizes"):
        assert fast.counts[kind] == slow.counts[kind]
    assert fast.totals == slow.totals
    assert fast.reach == pytest.approx(slow.reach)
    assert fast.middles == pytest.approx(slow.middles)
    assert fast.look_like_sizes() == slow.look_like_sizes()
