"""Empty rectangles beside boxes: exact, and as the authors search them.

All functions work on a batch of images that have the same number of boxes, because most images
of a corpus have one, two or three. Rectangles and boxes are x0, y0, x1, y1 in pixels, x1 and y1
excluded; boxes lie inside the image and are not empty.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from dejavu.image import empty_squares

_CELLS_AT_ONCE = 2_000_000  # candidates held in memory
_FEW_BOXES = 4  # up to here, comparing every span is quicker

Edges = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Rank = Callable[..., list[np.ndarray]]


def largest(
    boxes: Int[np.ndarray, "n boxes 4"], sizes: Int[np.ndarray, "n 2"]
) -> Int[np.ndarray, "n 4"]:
    """Return the largest rectangle in each image that overlaps no box.

    Largest: largest shorter side, then larger area, then smaller (y0, x0), then wider. A rectangle
    that cannot be extended has its left edge at the image's or at a box's right edge, and so on,
    and fills a vertical gap between the boxes in its columns: all of those are compared.

    Args:
        boxes: of each image.
        sizes: width and height of each image.

    Returns:
        One rectangle per image; width 0 where the boxes leave no pixel.
    """

    def edges(part: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_boxes = part.shape[1]
        lefts = np.concatenate([np.zeros((len(part), 1), dtype=np.int64), part[..., 2]], axis=1)
        rights = np.concatenate([part[..., 0], size[:, :1]], axis=1)
        return np.repeat(lefts, n_boxes + 1, axis=1), np.tile(rights, (1, n_boxes + 1))

    if _FEW_BOXES < boxes.shape[1] <= empty_squares.MAX_BOXES:
        return _largest_of_many(boxes.astype(np.int64), sizes.astype(np.int64))
    return _search(boxes, sizes, edges, n_spans=(boxes.shape[1] + 1) ** 2, rank=_rank_largest)


def interval(
    boxes: Int[np.ndarray, "n boxes 4"], sizes: Int[np.ndarray, "n 2"]
) -> Int[np.ndarray, "n 4"]:
    """Return the rectangle that the authors' search finds in each image.

    The boxes' left and right edges cut the image into columns; within each column alone, the
    vertical gaps between boxes are candidates. The largest shorter side wins; among equals the last
    one from left to right, then from top to bottom. So a crop never spans two columns.

    Args:
        boxes: of each image.
        sizes: width and height of each image.

    Returns:
        One rectangle per image; width 0 where the boxes leave no pixel.
    """

    def edges(part: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        zero = np.zeros((len(part), 1), dtype=np.int64)
        cuts = np.sort(np.concatenate([zero, part[..., 0], part[..., 2], size[:, :1]], axis=1))
        return cuts[:, :-1], cuts[:, 1:]

    return _search(boxes, sizes, edges, n_spans=2 * boxes.shape[1] + 1, rank=_rank_interval)


def _search(
    boxes: Int[np.ndarray, "n boxes 4"],
    sizes: Int[np.ndarray, "n 2"],
    edges: Edges,
    *,
    n_spans: int,
    rank: Rank,
) -> Int[np.ndarray, "n 4"]:
    """Compare all vertical gaps of all column spans that `edges` proposes, block by block."""
    boxes, sizes = boxes.astype(np.int64), sizes.astype(np.int64)
    found = np.zeros((len(boxes), 4), dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // (n_spans * (boxes.shape[1] + 1)))
    for start in range(0, len(boxes), step):
        part, size = boxes[start : start + step], sizes[start : start + step]
        left, right = edges(part, size)
        top, bottom = _gaps(part, size[:, 1], left, right)
        x0, y0, x1, y1 = (
            np.broadcast_to(edge, top.shape).reshape(len(part), -1)
            for edge in (left[..., None], top, right[..., None], bottom)
        )
        shorter = np.minimum(x1 - x0, y1 - y0)
        best = _first_best(rank(np.maximum(shorter, 0), x0, y0, x1, y1))
        rows = np.arange(len(part))
        chosen = np.stack([edge[rows, best] for edge in (x0, y0, x1, y1)], axis=1)
        found[start : start + step] = np.where(shorter[rows, best][:, None] > 0, chosen, 0)
    return found


def _largest_of_many(
    boxes: Int[np.ndarray, "n boxes 4"], sizes: Int[np.ndarray, "n 2"]
) -> Int[np.ndarray, "n 4"]:
    """Return `largest`, comparing only the spans that can hold the largest empty square.

    The shorter side of the answer is that of the largest empty square, and the answer holds such a
    square at its left edge; few left edges do.
    """
    found = np.zeros((len(boxes), 4), dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // (boxes.shape[1] + 1) ** 2)
    for start in range(0, len(boxes), step):
        part, size = boxes[start : start + step], sizes[start : start + step]
        side, holds_one = empty_squares.largest(part, size)
        lefts = np.concatenate([np.zeros((len(part), 1), dtype=np.int64), part[..., 2]], axis=1)
        rights = np.concatenate([part[..., 0], size[:, :1]], axis=1)
        is_span = holds_one[:, :, None] & (
            rights[:, None] - lefts[:, :, None] >= side[:, None, None]
        )
        image, left, right = np.nonzero(is_span & (side > 0)[:, None, None])
        x0, x1 = lefts[image, left], rights[image, right]
        top, bottom = _gaps(part[image], size[image, 1], x0[:, None], x1[:, None])
        span, gap = np.nonzero(bottom[:, 0] - top[:, 0] >= side[image][:, None])
        image, x0, x1, y0, y1 = (
            image[span],
            x0[span],
            x1[span],
            top[span, 0, gap],
            bottom[span, 0, gap],
        )
        order = np.lexsort(tuple(-key for key in reversed(_rank_largest(side, x0, y0, x1, y1)[1:])))
        order = order[np.argsort(image[order], kind="stable")]
        winners, first = np.unique(image[order], return_index=True)
        found[start + winners] = np.stack([x0, y0, x1, y1], axis=1)[order[first]]
    return found


def _gaps(
    boxes: Int[np.ndarray, "n boxes 4"],
    heights: Int[np.ndarray, " n"],
    left: Int[np.ndarray, "n spans"],
    right: Int[np.ndarray, "n spans"],
) -> tuple[Int[np.ndarray, "n spans gaps"], Int[np.ndarray, "n spans gaps"]]:
    """Return top and bottom of the vertical gaps between the boxes that overlap each span.

    There is one gap above each box, from top to bottom, and one below them all; those that are
    none have bottom <= top.
    """
    order = np.argsort(boxes[..., 1], axis=1, kind="stable")
    x0, y0, x1, y1 = np.moveaxis(np.take_along_axis(boxes, order[..., None], axis=1), -1, 0)
    overlaps = (x0[:, None] < right[..., None]) & (x1[:, None] > left[..., None])
    reached = np.maximum.accumulate(np.where(overlaps, y1[:, None], 0), axis=2)
    top = np.concatenate([np.zeros((*left.shape, 1), dtype=np.int64), reached], axis=2)
    above = np.where(overlaps, y0[:, None], 0)
    floor = np.broadcast_to(heights[:, None, None], (*left.shape, 1))
    return top, np.concatenate([above, floor], axis=2)


def _rank_largest(
    shorter: np.ndarray, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray
) -> list[np.ndarray]:
    return [shorter, (x1 - x0) * (y1 - y0), -y0, -x0, -y1]


def _rank_interval(shorter: np.ndarray, *_: np.ndarray) -> list[np.ndarray]:
    return [shorter, np.broadcast_to(np.arange(shorter.shape[1]), shorter.shape)]


def _first_best(keys: list[np.ndarray]) -> Int[np.ndarray, " n"]:
    """Return the place of each row's largest entry by the first key, ties by the next, and so on."""
    is_best = np.ones(keys[0].shape, dtype=bool)
    for key in keys:
        masked = np.where(is_best, key, np.iinfo(np.int64).min)
        is_best &= masked == masked.max(axis=1, keepdims=True)
    return np.argmax(is_best, axis=1)
