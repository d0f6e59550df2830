"""Statistics of the most confident p % of the samples, and their value in each resample."""

import math

import numpy as np
from jaxtyping import Float64, Int16, Int32, Int64


def n_most_confident(percent: int, n: int) -> int:
    """Return how many samples p % of n are: floor(p·n/100), at least 1.

    >>> [n_most_confident(p, 512) for p in (20, 5)], n_most_confident(5, 7)
    ([102, 25], 1)
    """
    return max(1, percent * n // 100)


def by_confidence(entropy: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return the rows from most to least confident (confidence = minus entropy).

    Equal entropies keep their order: give rows sorted by sample_id, and ties go to the smaller id.

    >>> by_confidence(np.array([0.5, 0.1, 0.5])).tolist()
    [1, 0, 2]
    """
    return np.argsort(entropy, kind="stable")


class MostConfident:
    """The most confident p % of the drawn samples, in every resample.

    In a resample, a sample drawn three times takes three places of the ranking; the sample at the
    border takes the places that are left. Duplicates are drawn together, so that resamples differ in how many
    samples they have, and in how many p % of them are (`n_top`).

    The border moves by about √n_top places between resamples. So the ranking falls into `head`, rows
    that are within the border in (almost) any resample and need only be counted, `window`, where the
    border is looked for, and the rest.
    """

    def __init__(self, order: Int64[np.ndarray, " n"], n_top: int) -> None:
        margin = 8 * math.isqrt(n_top) + 16
        self.order = order
        self.head = order[: max(0, n_top - margin)]
        self.window = order[len(self.head) : n_top + margin]

    def in_window(
        self,
        counts: Int16[np.ndarray, "n block"],
        n_head: Float64[np.ndarray, " block"],
        n_top: Int64[np.ndarray, " block"],
    ) -> Int32[np.ndarray, "window block"] | None:
        """Return how often each row of the window is among the first `n_top` drawn.

        Args:
            counts: how often each sample is drawn.
            n_head: how many of the drawn samples are in the head.
            n_top: places in each resample.

        Returns:
            None if the border of some resample lies outside the window: then use `in_order`.
        """
        places_left = (n_top - n_head.astype(np.int64)).astype(np.int32)
        found = _clipped(counts, self.window, places_left)
        reached = found.sum(axis=0) == places_left
        return found if (places_left >= 0).all() and reached.all() else None

    def in_order(
        self, counts: Int16[np.ndarray, "n block"], n_top: Int64[np.ndarray, " block"]
    ) -> Int32[np.ndarray, "n block"]:
        """Return how often each row of the whole ranking is among the first `n_top` drawn."""
        return _clipped(counts, self.order, n_top.astype(np.int32))


def _clipped(
    counts: Int16[np.ndarray, "n block"],
    rows: Int64[np.ndarray, " rows"],
    places: Int32[np.ndarray, " block"],
) -> Int32[np.ndarray, "rows block"]:
    """Let rows take places in order, as often as drawn, until none is left."""
    drawn = counts[rows].astype(np.int32)
    taken_before = np.cumsum(drawn, axis=0, dtype=np.int32)
    taken_before -= drawn
    return np.clip(places - taken_before, 0, drawn)
