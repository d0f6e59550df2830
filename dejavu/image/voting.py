"""Guess each crop's hidden label by the vote of its nearest public images (paper, section 3.1)."""

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64, Int32, Int64

from dejavu.errors import DataError
from dejavu.image.predictions import columns_of, predictions_table
from dejavu.tables import by_sample

CELLS_AT_ONCE = 1 << 22  # samples times labels held at once, in float64


def shares(
    neighbor_labels: Int32[np.ndarray, "n k"], label_ids: Int32[np.ndarray, " labels"]
) -> Float64[np.ndarray, "n labels"]:
    """Return the share of the `k` votes that each label gets; `label_ids` ascend."""
    n, k = neighbor_labels.shape
    columns = columns_of(neighbor_labels.ravel(), label_ids, what="neighbors").reshape(n, k)
    cells = (np.arange(n)[:, None] * len(label_ids) + columns).ravel()
    counts = np.bincount(cells, minlength=n * len(label_ids))
    return counts.reshape(n, len(label_ids)) / k


def winners(
    neighbor_labels: Int32[np.ndarray, "n k"], similarities: Float32[np.ndarray, "n k"]
) -> Int32[np.ndarray, " n"]:
    """Return the label with most votes in each row.

    Equal votes go to the label whose nearest voter is nearer; equally near: to the smaller label.

    Args:
        neighbor_labels: nearest first.
        similarities: descending in each row.
    """
    n, k = neighbor_labels.shape
    order = np.argsort(neighbor_labels, axis=1, kind="stable")
    labels = np.take_along_axis(neighbor_labels, order, 1)  # one run per label, nearest voter first
    starts = np.ones((n, k), dtype=bool)
    starts[:, 1:] = labels[:, 1:] != labels[:, :-1]
    run = np.cumsum(starts.ravel()) - 1
    votes = np.bincount(run)[run].reshape(n, k)
    # Where a voter stands, counting only strictly nearer ones: equal similarities share a step.
    step = np.zeros((n, k), dtype=np.int64)
    step[:, 1:] = np.cumsum(similarities[:, 1:] < similarities[:, :-1], axis=1)
    nearness = k - np.take_along_axis(step, order, 1)
    # Labels ascend along a row, so the first maximum is the smallest label among equals.
    best = np.argmax(np.where(starts, votes * (k + 1) + nearness, 0), axis=1)
    return labels[np.arange(n), best]


def predictions(
    predictor: str,
    neighbors: pa.Table,
    *,
    role: pa.Array | pa.ChunkedArray,
    truth: Int32[np.ndarray, " n"],
    public_ids: Int64[np.ndarray, " n_public"],
    public_labels: Int32[np.ndarray, " n_public"],
    label_ids: Int32[np.ndarray, " labels"],
) -> pa.Table:
    """Turn neighbors into rows of table ``predictions``.

    Confidence is minus the entropy of the votes; p_truth is the truth's share of the votes.

    Args:
        predictor: its name.
        neighbors: rows of table ``neighbors``, all with equally many neighbors.
        role: of each row's sample.
        truth: label of each row's sample.
        public_ids: ascending sample ids of the public images.
        public_labels: their labels.
        label_ids: all labels, ascending.

    Raises:
        DataError: rows have different numbers of neighbors, or a neighbor is not public.
    """
    ids, similarities = (_matrix(neighbors, name) for name in ("neighbor_ids", "similarities"))
    neighbor_labels = _labels_of(ids, public_ids, public_labels, predictor)
    sample_id = neighbors["sample_id"].to_numpy()
    step = max(1, CELLS_AT_ONCE // max(1, len(label_ids)))
    parts = []
    for start in range(0, max(1, len(ids)), step):
        part = slice(start, start + step)
        parts.append(
            predictions_table(
                predictor,
                sample_id=sample_id[part],
                role=role[part],
                label_id=truth[part],
                probabilities=shares(neighbor_labels[part], label_ids),
                label_ids=label_ids,
                predicted_id=winners(neighbor_labels[part], similarities[part]),
            )
        )
    return pa.concat_tables(parts)


def _matrix(neighbors: pa.Table, name: str) -> np.ndarray:
    lists = neighbors[name].combine_chunks()
    lengths = np.unique(lists.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths) != 1 and len(lists):
        raise DataError(
            f"column {name!r}: rows hold {lengths.tolist()} neighbors, expected one number."
        )
    width = int(lengths[0]) if len(lengths) else 1
    values: np.ndarray = lists.flatten().to_numpy()
    return values.reshape(len(lists), width)


def _labels_of(
    ids: Int64[np.ndarray, "n k"],
    public_ids: Int64[np.ndarray, " n_public"],
    public_labels: Int32[np.ndarray, " n_public"],
    predictor: str,
) -> Int32[np.ndarray, "n k"]:
    places, exists = by_sample.positions(public_ids, ids)
    if strangers := int((~exists).sum()):
        raise DataError(
            f"{predictor}: {strangers} neighbors are no samples of the public role. The neighbors and the "
            "splits come from different runs; run `dvc repro`."
        )
    return public_labels[places]
