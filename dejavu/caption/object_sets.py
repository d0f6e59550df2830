"""Sets of objects of many samples at once.

The set of one sample is held as sorted integer keys ``row * n_vocabulary + object_id``, so that intersections
and Jaccard similarity are searches over whole blocks of samples. Object ids follow the names in alphabetical
order, so a tie by id is a tie by name.
"""

import dataclasses
from pathlib import Path

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


def require_known(sets: ObjectSets, n_vocabulary: int, path: Path) -> None:
    """Refuse object ids that no name stands for: ids count the vocabulary from 0.

    Raises:
        ArtifactError: the table of objects, at `path`, holds such an id.
    """
    ids = sets.object_ids
    if len(ids) and (ids.min() < 0 or ids.max() >= n_vocabulary):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise ArtifactError(
            f"{path}: object id {wrong}, expected 0 to {n_vocabulary - 1}, the places of the names in "
            "the vocabulary: the objects and the vocabulary were not made together. Run `dvc repro`."
        )


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
