"""Votes that nearness weighs, as in the weighted k-NN of Wu et al. (2018) and DINO (Caron et al. 2021)."""

import dataclasses

import numpy as np
from jaxtyping import Float64, Int64

DECIMALS = 9  # of a label's share of the weight, so that equal sums tie


@dataclasses.dataclass(frozen=True, slots=True)
class KernelVote:
    """What the weighted neighbors of each sample say."""

    is_right: Float64[np.ndarray, " n"]  # 1: the label with most weight is the true one
    weight_of_truth: Float64[np.ndarray, " n"]  # share of all weight, in [0, 1]


def vote_of(
    labels: Int64[np.ndarray, "n k"],
    similarities: Float64[np.ndarray, "n k"],
    truth: Int64[np.ndarray, " n"],
    *,
    scale: float,
) -> KernelVote:
    """Let each neighbor count exp(similarity / scale), relative to the nearest.

    The label with most weight wins; equal ones go to the label whose nearest voter is nearer, then to the
    smaller label, as with counts. A very large scale gives the counts' vote.

    Args:
        labels: of the neighbors, ≥ 0.
        similarities: descending in each row.
        truth: the true label of each row.
        scale: > 0, in units of similarity.
    """
    n = len(labels)
    weight = np.exp((similarities - similarities[:, :1]) / scale)
    n_labels = int(max(labels.max(initial=0), truth.max(initial=0))) + 1
    key = np.arange(n)[:, None] * n_labels + labels
    known, first, place = np.unique(key.ravel(), return_index=True, return_inverse=True)
    row, label = np.divmod(known, n_labels)
    total = weight.sum(axis=1)
    share = np.round(
        np.bincount(place, weight.ravel(), minlength=len(known)) / total[row], DECIMALS
    )
    order = np.lexsort((label, -similarities.ravel()[first], -share, row))
    winner = label[order][np.searchsorted(row[order], np.arange(n))]
    of_truth = np.zeros(n)
    is_true = label == truth[row]
    of_truth[row[is_true]] = share[is_true]
    return KernelVote((winner == truth).astype(np.float64), of_truth)
