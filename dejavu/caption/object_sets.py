"""Sets of objects for many samples at once: which objects do a caption's neighbors show?

A set of one sample is held as sorted integer keys ``row * n_vocabulary + object_id``, so that the union
over neighbors, ranking, intersection with the truth and Jaccard similarity are sorts and searches over
whole blocks of samples. Object ids follow the names in alphabetical order, so a tie by id is a tie by name.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float64, Int, Int32, Int64

from dejavu.errors import ArtifactError
from dejavu.tables import by_sample

Keys = Int64[np.ndarray, " _"]  # ascending, unique


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSets:
    """The object sets of many samples in compressed rows; costs 4 bytes per object, 16 per sample."""

    sample_ids: Int64[np.ndarray, " n"]  # ascending
    starts: Int64[np.ndarray, " n+1"]  # row i holds object_ids[starts[i]:starts[i + 1]]
    object_ids: Int32[np.ndarray, " n_entries"]  # ascending within a row, unique

    def rows_of(self, sample_ids: Int64[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
        """Return the row of each id.

        Raises:
            ArtifactError: an id is not among `sample_ids`.
        """
        rows, exists = by_sample.positions(self.sample_ids, sample_ids)
        if not exists.all():
            raise ArtifactError(
                f"{int((~exists).sum())} of {sample_ids.size} sample ids have no object set, e.g. "
                f"{int(sample_ids[~exists].flat[0])}: the neighbors and the objects were not made "
                "from one split. Run `dvc repro`."
            )
        return rows


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NeighborObjects:
    """The objects that the neighbors of a block of samples show, with who shows them first and how often."""

    # row * n_vocabulary + object_id, ascending: objects shown by any neighbor
    keys: Int64[np.ndarray, " n_keys"]
    starts: Int64[np.ndarray, " n_keys+1"]  # the ranks of key i are ranks[starts[i]:starts[i + 1]]
    ranks: Int64[np.ndarray, " n_shown"]  # ascending within a key; 0 is the nearest neighbor
    n_vocabulary: int
    n_neighbors: int

    def predict(self, k: int, top: int | None) -> Keys:
        """Return the sorted keys of the objects predicted from the `k` nearest neighbors.

        Predicted is what at least one of the `k` neighbors shows. With `top`, only the first `top`
        objects of each sample count, ordered by the number of neighbors that show them (most first),
        then by the best rank that shows them, then by name.
        """
        firsts = self.ranks[self.starts[:-1]]
        shown = firsts < k
        keys = self.keys[shown]
        if top is None or len(keys) == 0:
            return keys
        votes = self._votes(k)[shown]
        rows, objects = np.divmod(keys, self.n_vocabulary)
        n_neighbors = self.n_neighbors
        order = (rows * (n_neighbors + 1) + (n_neighbors - votes)) * n_neighbors + firsts[shown]
        ranked = np.sort(order * self.n_vocabulary + objects)
        row_of_ranked = ranked // (self.n_vocabulary * n_neighbors * (n_neighbors + 1))
        place = np.arange(len(ranked)) - np.searchsorted(row_of_ranked, row_of_ranked)
        kept = place < top
        return np.sort(row_of_ranked[kept] * self.n_vocabulary + ranked[kept] % self.n_vocabulary)

    def _votes(self, k: int) -> Int64[np.ndarray, " n_keys"]:
        if k >= self.n_neighbors:
            return np.diff(self.starts)
        return np.add.reduceat((self.ranks < k).astype(np.int64), self.starts[:-1])


def expand(
    sets: ObjectSets, rows: Int64[np.ndarray, " n_rows"]
) -> tuple[Int64[np.ndarray, " n_pairs"], Int32[np.ndarray, " n_pairs"]]:
    """Return (position in `rows`, object id) for every object of every listed row, in order."""
    counts = sets.starts[rows + 1] - sets.starts[rows]
    positions = np.repeat(np.arange(len(rows)), counts)
    ends = np.cumsum(counts)
    offsets = np.arange(len(positions)) - np.repeat(ends - counts, counts)
    return positions, sets.object_ids[np.repeat(sets.starts[rows], counts) + offsets]


def keys_of(sets: ObjectSets, rows: Int64[np.ndarray, " n_rows"], n_vocabulary: int) -> Keys:
    """Return the sorted keys of the object sets of `rows`; the position in `rows` is the key's row."""
    positions, objects = expand(sets, rows)
    return positions * n_vocabulary + objects


def neighbor_objects(
    neighbor_rows: Int64[np.ndarray, "n_samples n_neighbors"],
    public: ObjectSets,
    n_vocabulary: int,
) -> NeighborObjects:
    """Collect the objects that the neighbors of each sample show.

    Args:
        neighbor_rows: rows of `public`, nearest first.
        public: object sets of the public samples.
        n_vocabulary: number of object names; ids are below it.
    """
    n_neighbors = neighbor_rows.shape[1]
    positions, objects = expand(public, neighbor_rows.ravel())
    samples, ranks = np.divmod(positions, max(n_neighbors, 1))
    codes = np.sort((samples * n_vocabulary + objects) * n_neighbors + ranks)
    keys, ranks = np.divmod(codes, max(n_neighbors, 1))
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    starts = np.append(np.flatnonzero(is_first), len(keys)).astype(np.int64)
    return NeighborObjects(
        keys=keys[is_first], starts=starts, ranks=ranks,
        n_vocabulary=n_vocabulary, n_neighbors=n_neighbors,
    )  # fmt: skip


def likeliest_objects(
    probabilities: Float64[np.ndarray, "n_samples n_vocabulary"], top: int | None
) -> Keys:
    """Return the sorted keys of the objects that known probabilities predict (the oracle).

    With `top`: the `top` most probable objects, ties by name; this is the set of that size with the
    most expected hits. Without: the m most probable objects, m chosen to maximize
    ``2 * sum(p of the m) / (m + sum(p))``, the F score of the expectations, smallest m on a tie.
    Probabilities are compared after rounding to 9 decimals. Impossible objects are never predicted.
    """
    n_vocabulary = probabilities.shape[1]
    rounded = np.round(probabilities, 9)
    order = np.argsort(-rounded, axis=1, kind="stable")
    ranked = np.take_along_axis(rounded, order, axis=1)
    if top is None:
        sizes = np.arange(1, n_vocabulary + 1)
        hits = np.cumsum(ranked, axis=1)
        expected_f = np.round(2 * hits / (sizes + hits[:, -1:]), 9)
        kept = np.arange(n_vocabulary) <= expected_f.argmax(axis=1)[:, None]
    else:
        kept = np.broadcast_to(np.arange(n_vocabulary) < top, ranked.shape)
    rows, places = np.nonzero(kept & (ranked > 0))
    return np.sort(rows.astype(np.int64) * n_vocabulary + order[rows, places])


def is_among(keys: Keys, others: Keys) -> Bool[np.ndarray, " _"]:
    """Return for each of the sorted `keys` whether it occurs among the sorted `others`."""
    return by_sample.positions(others, keys)[1]


def count_by_row(keys: Keys, n_rows: int, n_vocabulary: int) -> Int32[np.ndarray, " n_rows"]:
    """Return how many of `keys` each row holds."""
    return np.bincount(keys // n_vocabulary, minlength=n_rows).astype(np.int32)


def jaccard(
    n_first: Int[np.ndarray, " n"], n_second: Int[np.ndarray, " n"], n_both: Int[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return |A ∩ B| / |A ∪ B| from set sizes, in [0, 1]; two empty sets agree: 1.

    >>> jaccard(np.array([2, 0]), np.array([3, 0]), np.array([1, 0])).tolist()
    [0.25, 1.0]
    """
    union = n_first + n_second - n_both
    return np.where(union == 0, 1.0, n_both / np.maximum(union, 1))
