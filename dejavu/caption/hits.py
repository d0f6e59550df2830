"""Which true objects do a caption's neighbors show? Counted by compiled code, sample by sample."""

from typing import no_type_check

import numpy as np
from jaxtyping import Int32, Int64

from dejavu.caption.object_sets import Keys, ObjectSets
from dejavu.run.compiled import compiled


def count(
    neighbor_rows: Int64[np.ndarray, "n_samples n_neighbors"],
    public: ObjectSets,
    truth: Keys,
    n_vocabulary: int,
    *,
    k: int,
    top: int | None,
) -> tuple[Int32[np.ndarray, " n_samples"], Int32[np.ndarray, " n_samples"], Keys]:
    """Predict the objects of each sample from its `k` nearest neighbors; compare them with the truth.

    Predicted is what at least one of the `k` neighbors shows. With `top`, only the first `top` objects
    of each sample count, ordered by the number of neighbors that show them (most first), then by the
    best rank that shows them, then by name.

    Args:
        neighbor_rows: rows of `public`, nearest first.
        public: object sets of the public samples.
        truth: the true objects, by row of `neighbor_rows`.
        n_vocabulary: number of object names; every id of `public` is below it.
        k: neighbors that count, from 1 to all of them.
        top: objects that count per sample, at least 1; None: all.

    Returns:
        the number of true objects predicted of each sample, the number predicted, and the keys of the
        true objects that are predicted.
    """
    n = len(neighbor_rows)
    n_hits, n_predicted = np.zeros(n, np.int32), np.zeros(n, np.int32)
    is_hit = np.zeros(len(truth), np.bool_)
    _count(
        neighbor_rows[:, :k], public.starts, public.object_ids, truth, n_vocabulary,
        n_vocabulary if top is None else top, n_hits, n_predicted, is_hit,
    )  # fmt: skip
    return n_hits, n_predicted, truth[is_hit]


@compiled
@no_type_check
def _count(
    neighbor_rows, starts, object_ids, truth, n_vocabulary, top, n_hits, n_predicted, is_hit
):
    where = np.zeros(
        n_vocabulary, np.int64
    )  # where the truth of the row at hand has an object, + 1
    votes = np.zeros(n_vocabulary, np.int32)
    shown = np.empty(n_vocabulary, np.int32)  # its objects, by best rank, then by name
    at_least = np.zeros(neighbor_rows.shape[1] + 2, np.int32)  # objects with so many votes or more
    start = 0
    for row in range(len(neighbor_rows)):
        n_shown = 0
        for rank in range(neighbor_rows.shape[1]):
            neighbor = neighbor_rows[row, rank]
            for entry in range(starts[neighbor], starts[neighbor + 1]):
                each = object_ids[entry]
                votes[each] += 1
                if votes[each] == 1:
                    shown[n_shown] = each
                    n_shown += 1
                else:
                    at_least[votes[each]] += 1
        n_predicted[row] = min(n_shown, top)
        at_least[1] = n_shown
        # predicted are all with more votes than `level`, and of those with as many the first `left`
        level, left = 1, n_shown
        if n_shown > top:
            while at_least[level + 1] >= top:
                level += 1
            left = top - at_least[level + 1]
        at_least[:] = 0
        first, stop = row * n_vocabulary, start
        while stop < len(truth) and truth[stop] < first + n_vocabulary:
            where[truth[stop] - first] = stop + 1
            stop += 1
        for place in range(n_shown):
            each = shown[place]
            if votes[each] > level or (votes[each] == level and left > 0):
                left -= votes[each] == level
                if where[each] > 0:
                    is_hit[where[each] - 1] = True
                    n_hits[row] += 1
            votes[each] = 0
        for place in range(start, stop):
            where[truth[place] - first] = 0
        start = stop
