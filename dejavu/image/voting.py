"""Guess each crop's hidden label by the vote of its nearest public images (paper, section 3.1).

Rows are counted in blocks. A vote is one integer, label then place, so that sorting a row brings the voters
of a label together, nearest first; everything else is arithmetic on the runs of equal labels.
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64, Int, Int32, Int64

from dejavu.errors import DataError
from dejavu.image.predictions import DECIMALS, columns_of, rows_of
from dejavu.run import cores
from dejavu.tables import by_sample

CELLS_AT_ONCE = 1 << 18  # votes counted at once: they stay in a core's cache
_SPARSE = 16  # times as many ids as public samples: beyond it, no table by id is built


@dataclasses.dataclass(frozen=True, slots=True)
class Vote:
    """What the neighbors of each sample say."""

    winner: Int64[np.ndarray, " n"]  # label with most votes
    entropy: Float64[np.ndarray, " n"]  # of the shares of the votes, nats, nine decimals
    p_truth: Float64[np.ndarray, " n"]  # share of the votes for the true label


def count_votes(
    labels: Int[np.ndarray, "n k"],
    similarities: Float32[np.ndarray, "n k"],
    truth: Int[np.ndarray, " n"],
) -> Vote:
    """Count the votes of each row.

    Equal votes go to the label whose nearest voter is nearer; equally near: to the smaller label.

    Args:
        labels: of the neighbors, nearest first; ≥ 0 and below 2^20.
        similarities: descending in each row.
        truth: the true label of each row.
    """
    n, k = labels.shape
    place_bits = k.bit_length()
    # int32 sorts twice as fast as int64, and holds 32,768 labels of 65,535 neighbors
    narrow = int(labels.max(initial=0)).bit_length() + place_bits < 32
    ballots = labels.astype(np.int32 if narrow else np.int64) << place_bits
    ballots |= np.arange(k, dtype=ballots.dtype)
    ballots.sort(axis=1)
    by_label = ballots >> place_bits
    is_first = np.ones((n, k), dtype=bool)
    np.not_equal(by_label[:, 1:], by_label[:, :-1], out=is_first[:, 1:])
    first = np.flatnonzero(is_first)  # of each run; every row starts one
    row = first // k
    run_label = by_label.ravel()[first].astype(np.int64)
    votes = np.diff(first, append=n * k)
    # Where a voter stands, counting only strictly nearer ones: equal similarities share a step.
    step = np.zeros((n, k), dtype=np.int32)
    np.cumsum(similarities[:, 1:] < similarities[:, :-1], axis=1, dtype=np.int32, out=step[:, 1:])
    place = ballots.ravel()[first] & ((1 << place_bits) - 1)
    nearness = k - step.ravel()[row * k + place].astype(np.int64)
    label_bits = int(run_label.max(initial=0)).bit_length()
    smaller = (1 << label_bits) - 1 - run_label
    rank = ((votes * (k + 1) + nearness) << label_bits) | smaller
    best = np.maximum.reduceat(rank, np.searchsorted(row, np.arange(n))) if n else rank
    winner = (1 << label_bits) - 1 - (best & ((1 << label_bits) - 1))
    p_truth = np.zeros(n)
    is_true = run_label == truth[row]
    p_truth[row[is_true]] = votes[is_true] / k
    return Vote(winner, _entropy(votes, row, n, k), p_truth)


def _entropy(
    votes: Int64[np.ndarray, " runs"], row: Int64[np.ndarray, " runs"], n: int, k: int
) -> Float64[np.ndarray, " n"]:
    """Return the entropy of each row's shares; rounded, so that the order of a sum never shows."""
    share = np.arange(1, k + 1) / k
    of_votes = np.concatenate([[0.0], -share * np.log(share)])
    sums = np.bincount(row, weights=of_votes[votes], minlength=n)
    return np.round(sums, DECIMALS) + 0.0  # no -0.0


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
    true_column = columns_of(truth, label_ids, what=predictor)
    lookup = _Lookup(public_ids, columns_of(public_labels, label_ids, what="neighbors"))
    step = max(1, CELLS_AT_ONCE // ids.shape[1])
    blocks = [slice(start, start + step) for start in range(0, max(1, len(ids)), step)]

    def count(part: slice) -> Vote:
        columns = lookup.columns(ids[part], predictor)
        return count_votes(columns, similarities[part], true_column[part])

    with ThreadPoolExecutor(cores.given()) as pool:
        counted = list(pool.map(count, blocks))
    return rows_of(
        predictor,
        sample_id=neighbors["sample_id"].to_numpy(),
        role=role,
        label_id=truth,
        predicted_id=label_ids[np.concatenate([vote.winner for vote in counted])],
        entropy=np.concatenate([vote.entropy for vote in counted]),
        p_truth=np.concatenate([vote.p_truth for vote in counted]),
    )


def _matrix(neighbors: pa.Table, name: str) -> np.ndarray:
    lists = neighbors[name].combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    width = int(lengths[0]) if len(lengths) else 1
    if (lengths != width).any():
        raise DataError(
            f"column {name!r}: rows hold {np.unique(lengths).tolist()} neighbors, expected one number."
        )
    values: np.ndarray = lists.flatten().to_numpy()
    return values.reshape(len(lists), width)


class _Lookup:
    """The label column of each public sample: a table by id where ids are dense, else a search."""

    def __init__(
        self,
        public_ids: Int64[np.ndarray, " n_public"],
        columns: Int64[np.ndarray, " n_public"],
    ) -> None:
        self._ids, self._columns = public_ids, columns.astype(np.int32)
        self._table: np.ndarray | None = None
        n_ids = int(public_ids[-1] - public_ids[0]) + 1 if len(public_ids) else 0
        if n_ids <= _SPARSE * len(public_ids):
            self._table = np.full(n_ids + 1, -1, dtype=np.int32)  # the last: no public sample
            self._table[public_ids - public_ids[:1]] = self._columns

    def columns(self, ids: Int64[np.ndarray, "n k"], predictor: str) -> Int32[np.ndarray, "n k"]:
        if self._table is not None:
            first = self._ids[0] if len(self._ids) else 0
            # an id below the first wraps around to a very large number: no public sample either
            places = np.minimum((ids - first).view(np.uint64), np.uint64(len(self._table) - 1))
            columns = self._table[places.view(np.int64)]
            exists = columns >= 0
        else:
            found, exists = by_sample.positions(self._ids, ids)
            columns = self._columns[found]
        if not exists.all():
            raise DataError(
                f"{predictor}: {int((~exists).sum())} neighbors are no samples of the public role. The "
                "neighbors and the splits come from different runs; run `dvc repro`."
            )
        return columns
