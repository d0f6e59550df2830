"""How well a confidence tells one kind of sample from another: AUROC, and cuts at few false positives."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64


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
    counts: Int32[np.ndarray, "block n"], control: Ranked, percent: int
) -> Float64[np.ndarray, " block"]:
    """Return, per resample of control, the lowest cut that at most `percent` % of control exceed.

    A sample passes when its confidence is strictly above the cut. The cut is the confidence of the
    first flagged control sample that may not pass (all its ties fail with it); it is -inf when all
    flagged control samples may pass.
    """
    n_allowed = percent * control.n // 100
    m = min(len(control.rows), n_allowed + 8 * int(np.sqrt(n_allowed)) + 16)
    while True:
        seen = np.cumsum(counts[:, control.rows[:m]], axis=1)
        if m == len(control.rows) or int(seen[:, -1].min()) > n_allowed:
            break
        m = min(len(control.rows), 2 * m)
    first_failing = (seen <= n_allowed).sum(axis=1)
    padded = np.append(control.confidence[:m], -np.inf)
    return padded[first_failing]


def n_above(
    counts: Int32[np.ndarray, "block n"],
    flagged: Ranked,
    cut: Float64[np.ndarray, " block"],
) -> Int64[np.ndarray, " block"]:
    """Return, per resample, how many drawn flagged samples have a confidence strictly above the cut."""
    n_passing = np.searchsorted(-flagged.confidence, -cut, side="left")
    m = int(n_passing.max(initial=0))
    seen = np.zeros((len(counts), m + 1), dtype=np.int64)
    np.cumsum(counts[:, flagged.rows[:m]], axis=1, out=seen[:, 1:])
    return seen[np.arange(len(counts)), n_passing]


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

    def of_resamples(self, counts: Int32[np.ndarray, "block n"]) -> Float64[np.ndarray, " block"]:
        """Return the area in each resample."""
        area = np.empty(len(counts))
        seen = np.zeros(len(self._negative) + 1, dtype=np.int64)
        for row, drawn in enumerate(
            counts
        ):  # resamples, a row at a time: cache beats one big block
            np.cumsum(drawn[self._negative], out=seen[1:])
            positive = drawn[self._positive].astype(np.int64)
            wins_doubled = int(positive @ (seen[self._below] + seen[self._not_above]))
            pairs = int(positive.sum()) * int(seen[-1])
            area[row] = wins_doubled / (2 * pairs) if pairs else np.nan
        return area

    def value(self) -> float:
        """Return the area over the set itself."""
        n = len(self._positive) + len(self._negative)
        return float(self.of_resamples(np.ones((1, n), dtype=np.int32))[0])
