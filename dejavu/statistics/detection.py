"""How well a confidence tells one kind of sample from another: the area under the ROC curve."""

import numpy as np
from jaxtyping import Bool, Float64, Int16


class Auroc:
    """Area under the ROC curve of one score, for the whole set and for resamples of it.

    The area is the chance that a random positive scores higher than a random negative, ties counting
    one half (Mann-Whitney). It is undefined (NaN) without a positive or without a negative.
    """

    def __init__(
        self, score: Float64[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]
    ) -> None:
        self._positive = np.flatnonzero(is_positive)
        negative = np.flatnonzero(~is_positive)
        self._negative = negative[np.argsort(score[negative], kind="stable")]
        ranked = score[self._negative]
        self._below = np.searchsorted(ranked, score[self._positive], side="left")
        self._not_above = np.searchsorted(ranked, score[self._positive], side="right")

    def of_resamples(self, counts: Int16[np.ndarray, "n block"]) -> Float64[np.ndarray, " block"]:
        """Return the area in each resample."""
        n_resamples = counts.shape[1]
        seen = np.zeros((len(self._negative) + 1, n_resamples), dtype=np.int32)
        np.cumsum(counts[self._negative], axis=0, dtype=np.int32, out=seen[1:])
        positive = counts[self._positive].astype(np.int64)
        wins_doubled = (positive * seen[self._below]).sum(axis=0)
        wins_doubled += (positive * seen[self._not_above]).sum(axis=0)
        pairs = positive.sum(axis=0) * seen[-1].astype(np.int64)
        area = np.full(n_resamples, np.nan)
        return np.divide(wins_doubled, 2 * pairs, out=area, where=pairs > 0)

    def value(self) -> float:
        """Return the area over the set itself."""
        n = len(self._positive) + len(self._negative)
        return float(self.of_resamples(np.ones((n, 1), dtype=np.int16))[0])
