"""How well a confidence tells one kind of sample from another: AUROC, and cuts at few false positives."""

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64


@dataclasses.dataclass(frozen=True, slots=True)
class Ranked:
    """The flagged samples of one set, surest first."""

    rows: Int64[np.ndarray, " n_flagged"]  # positions in the set
    confidence: Float64[np.ndarray, " n_flagged"]  # descending
    n: int  # samples in the set, flagged or not


def rank(confidence: Float64[np.ndarray, " n"], flagged: Bool[np.ndarray, " n"]) -> Ranked:
    """Rank the flagged samples by confidence, descending; ties keep their order."""
    rows = np.flatnonzero(flagged)
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    return Ranked(rows, confidence[rows], len(confidence))


def cuts(
    counts: Int16[np.ndarray, "n block"], control: Ranked, percent: int
) -> Float64[np.ndarray, " block"]:
    """Return, per resample of control, the lowest cut that at most `percent` % of control exceed.

    A sample passes when its confidence is strictly above the cut. The cut is the confidence of the
    first flagged control sample that may not pass (all its ties fail with it); it is -inf when all
    flagged control samples may pass.
    """
    n_allowed = percent * control.n // 100
    m = n_allowed + 8 * math.isqrt(n_allowed) + 16
    while True:
        seen = np.cumsum(counts[control.rows[:m]], axis=0, dtype=np.int32)
        if m >= len(control.rows) or int(seen[-1].min()) > n_allowed:
            break
        m *= 2
    first_failing = (seen <= n_allowed).sum(axis=0)
    return np.append(control.confidence[:m], -np.inf)[first_failing]


def n_above(
    counts: Int16[np.ndarray, "n block"],
    flagged: Ranked,
    cut: Float64[np.ndarray, " block"],
) -> Int64[np.ndarray, " block"]:
    """Return, per resample, how many drawn flagged samples have a confidence strictly above the cut."""
    n_passing = np.searchsorted(-flagged.confidence, -cut, side="left")
    surely = int(n_passing.min())
    n_certain = counts[flagged.rows[:surely]].sum(axis=0, dtype=np.int64)
    between = flagged.rows[surely : int(n_passing.max())]
    seen = np.zeros((len(between) + 1, counts.shape[1]), dtype=np.int64)
    np.cumsum(counts[between], axis=0, out=seen[1:])
    return n_certain + seen[n_passing - surely, np.arange(counts.shape[1])]


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
