"""The largest empty square beside boxes, by bisection of its side, for many images at once.

An empty square can be moved left and up until an edge of the image or of a box stops it. So one of a given
side exists exactly where one starts at such edges. The boxes that a range of columns meets are the bits
of one integer, those of a range of rows another: the square is empty where the two share no bit.
"""

import numpy as np
from jaxtyping import Bool, Int, Int64, UInt64

_OUTSIDE_COLUMNS, _OUTSIDE_ROWS = np.uint64(1 << 63), np.uint64(1 << 62)
MAX_BOXES = 62  # and two bits for squares that leave the image


def largest(
    boxes: Int[np.ndarray, "n boxes 4"], sizes: Int[np.ndarray, "n 2"]
) -> tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, "n boxes+1"]]:
    """Return the side of each image's largest empty square, and which left edges hold one.

    Args:
        boxes: x0, y0, x1, y1 in pixels, x1 and y1 excluded; at most `MAX_BOXES` of each image.
        sizes: width and height of each image.

    Returns:
        Sides in pixels, 0 where the boxes leave none; and for the left edges 0 and x1 of each box
        whether an empty square of that side starts there.
    """
    columns = _Axis(boxes[..., 0], boxes[..., 2], sizes[:, 0], _OUTSIDE_COLUMNS, _OUTSIDE_ROWS)
    rows = _Axis(boxes[..., 1], boxes[..., 3], sizes[:, 1], _OUTSIDE_ROWS, _OUTSIDE_COLUMNS)
    low, high = np.zeros(len(boxes), dtype=np.int64), sizes.min(axis=1).astype(np.int64)
    while (low < high).any():
        side = (low + high + 1) // 2
        exists = _starts(columns, rows, side).any(axis=1)
        low, high = np.where(exists, side, low), np.where(exists, high, side - 1)
    return low, _starts(columns, rows, np.maximum(low, 1)) & (low > 0)[:, None]


class _Axis:
    """The boxes along one axis, and where squares may start."""

    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        size: np.ndarray,
        outside: np.uint64,
        other: np.uint64,
    ) -> None:
        self._low = low.astype(np.int32)[:, None]
        self._size, self._outside, self._other = size[:, None], outside, other
        self._starts = np.concatenate([np.zeros((len(low), 1), dtype=np.int32), high], axis=1)
        self._starts = self._starts.astype(np.int32)
        self._end_later = _bits(high.astype(np.int32)[:, None] > self._starts[:, :, None])

    def met(self, side: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, "n starts"]:
        """Return, as bits, which boxes a range of `side` pixels meets from each start."""
        ends = self._starts + side.astype(np.int32)[:, None]
        met = _bits(self._low < ends[:, :, None]) & self._end_later
        return met | np.where(ends > self._size, self._outside, np.uint64(0)) | self._other


def _starts(
    columns: _Axis, rows: _Axis, side: Int64[np.ndarray, " n"]
) -> Bool[np.ndarray, "n starts"]:
    across, down = columns.met(side), rows.met(side)
    return ((across[:, :, None] & down[:, None]) == 0).any(axis=2)


def _bits(flags: Bool[np.ndarray, "n starts boxes"]) -> UInt64[np.ndarray, "n starts"]:
    packed = np.packbits(flags, axis=2, bitorder="little")
    whole = np.zeros((*flags.shape[:2], 8), dtype=np.uint8)
    whole[..., : packed.shape[2]] = packed
    return whole.view("<u8")[..., 0].astype(np.uint64)
