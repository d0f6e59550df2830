"""The vectorized searches must agree with a brute force over every rectangle of a small grid."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.image import rectangles


def overlaps(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def every_rectangle(width, height):
    for x0, x1 in itertools.combinations(range(width + 1), 2):
        for y0, y1 in itertools.combinations(range(height + 1), 2):
            yield x0, y0, x1, y1


def brute_largest(boxes, width, height):
    empty = [r for r in every_rectangle(width, height) if not any(overlaps(r, b) for b in boxes)]
    if not empty:
        return (0, 0, 0, 0)
    return min(
        empty,
        key=lambda r: (
            -min(r[2] - r[0], r[3] - r[1]), -(r[2] - r[0]) * (r[3] - r[1]), r[1], r[0], r[3],
        ),
    )  # fmt: skip


def brute_interval(boxes, width, height):
    """The rule in words: column by column, gap by gap, the last of the best."""
    cuts = sorted({0, width, *(b[0] for b in boxes), *(b[2] for b in boxes)})
    best, best_side = (0, 0, 0, 0), 0
    for left, right in itertools.pairwise(cuts):
        covered = [any(b[0] < right and b[2] > left and b[1] <= y < b[3] for b in boxes)
                   for y in range(height)]  # fmt: skip
        top = 0
        for y in range(height + 1):
            if y == height or covered[y]:
                side = min(right - left, y - top)
                if side >= max(best_side, 1):
                    best, best_side = (left, top, right, y), side
                top = y + 1
    return best


@st.composite
def images(draw):
    """A few images with the same number of boxes."""
    n_boxes = draw(st.integers(1, 4))
    sizes, boxes = [], []
    for _ in range(draw(st.integers(1, 3))):
        width, height = draw(st.integers(2, 7)), draw(st.integers(2, 7))
        rectangle = st.sampled_from(list(every_rectangle(width, height)))
        sizes.append((width, height))
        boxes.append(draw(st.lists(rectangle, min_size=n_boxes, max_size=n_boxes)))
    return np.array(boxes), np.array(sizes)


@given(images())
@pytest.mark.slow
def test_largest_is_the_best_of_all_rectangles(batch):
    boxes, sizes = batch
    for found, inside, (width, height) in zip(
        rectangles.largest(boxes, sizes), boxes, sizes, strict=True
    ):
        assert tuple(found) == brute_largest(inside.tolist(), width, height)


@given(images())
def test_interval_follows_the_rule_in_words(batch):
    boxes, sizes = batch
    for found, inside, (width, height) in zip(
        rectangles.interval(boxes, sizes), boxes, sizes, strict=True
    ):
        assert tuple(found) == brute_interval(inside.tolist(), width, height)


@given(images(), st.sampled_from([rectangles.largest, rectangles.interval]))
def test_no_crop_overlaps_a_box_or_leaves_the_image(batch, rule):
    boxes, sizes = batch
    for found, inside, (width, height) in zip(rule(boxes, sizes), boxes, sizes, strict=True):
        x0, y0, x1, y1 = found.tolist()
        assert 0 <= x0 <= x1 <= width
        assert 0 <= y0 <= y1 <= height
        assert not any(overlaps((x0, y0, x1, y1), box) for box in inside.tolist())


@given(images())
@pytest.mark.slow
def test_the_exact_rule_never_finds_less_than_the_intervals(batch):
    boxes, sizes = batch

    def shorter(found):
        return np.minimum(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1])

    exact, columns = (rule(boxes, sizes) for rule in (rectangles.largest, rectangles.interval))
    assert (shorter(exact) >= shorter(columns)).all()


def test_the_published_example_of_the_interval_rule():
    boxes, sizes = np.array([[[64, 103, 369, 277]]]), np.array([[500, 375]])
    assert rectangles.interval(boxes, sizes).tolist() == [[369, 0, 500, 375]]
    assert rectangles.largest(boxes, sizes).tolist() == [[369, 0, 500, 375]]


def test_an_interval_ends_at_the_box_where_the_exact_rule_goes_on():
    boxes, sizes = np.array([[[40, 30, 60, 100]]]), np.array([[100, 100]])
    assert rectangles.interval(boxes, sizes).tolist() == [[60, 0, 100, 100]]
    low = np.array([[[30, 60, 80, 100]]])
    assert rectangles.interval(low, sizes).tolist() == [[30, 0, 80, 60]]  # as wide as the box
    assert rectangles.largest(low, sizes).tolist() == [[0, 0, 100, 60]]  # as wide as the image


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (
            (3, 3, 7, 7),
            (0, 0, 10, 3),
        ),  # four equal strips: the topmost, then the leftmost, then wide
        ((0, 0, 10, 10), (0, 0, 0, 0)),  # nothing is left
        ((0, 0, 4, 10), (4, 0, 10, 10)),
        ((5, 0, 10, 10), (0, 0, 5, 10)),
    ],
)
def test_ties_and_edges_of_the_exact_rule(box, expected):
    assert tuple(rectangles.largest(np.array([[box]]), np.array([[10, 10]]))[0]) == expected


def test_blocks_do_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(1)
    corners = np.sort(rng.integers(0, 30, size=(50, 3, 2, 2)), axis=2)
    corners[:, :, 1] += 1
    boxes = corners.reshape(50, 3, 4)
    sizes = np.full((50, 2), 31)
    whole = rectangles.largest(boxes, sizes)
    monkeypatch.setattr(rectangles, "_CELLS_AT_ONCE", 200)
    np.testing.assert_array_equal(rectangles.largest(boxes, sizes), whole)


@pytest.mark.parametrize("n_boxes", [5, 9, 40, 62, 63])
@pytest.mark.parametrize(("side", "longest"), [(12, 6), (60, 25), (500, 120)])  # crowded to sparse
@pytest.mark.slow
def test_many_boxes_are_cut_like_few(n_boxes, side, longest, monkeypatch):
    rng = np.random.default_rng(n_boxes)
    start = rng.integers(0, side - longest + 1, size=(12, n_boxes, 2))
    boxes = np.concatenate([start, start + rng.integers(1, longest, size=start.shape)], axis=2)
    sizes = np.stack([np.full(12, side), side + rng.integers(0, 9, 12)], axis=1)
    found = rectangles.largest(boxes, sizes)
    monkeypatch.setattr(rectangles, "_FEW_BOXES", 100)  # compare every span
    np.testing.assert_array_equal(found, rectangles.largest(boxes, sizes))


@given(images())
@pytest.mark.slow
def test_the_quick_search_is_the_best_of_all_rectangles_too(batch):
    boxes, sizes = batch
    found = rectangles._largest_of_many(boxes.astype(np.int64), sizes.astype(np.int64))
    for each, inside, (width, height) in zip(found, boxes, sizes, strict=True):
        assert tuple(each) == brute_largest(inside.tolist(), width, height)


def test_fifty_boxes_are_quick():
    rng = np.random.default_rng(2)
    start = rng.integers(0, 460, size=(40, 50, 2))
    boxes = np.concatenate([start, start + rng.integers(1, 40, size=(40, 50, 2))], axis=2)
    found = rectangles.largest(boxes, np.full((40, 2), 500))
    assert (found[:, 2] > found[:, 0]).all()
