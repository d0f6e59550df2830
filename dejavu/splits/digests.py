"""Texts that are equal, found by 16 bytes of each.

Of 40 million texts, two that differ share a digest of 128 bits with a chance of 10^-24.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int, Int64, UInt64

from dejavu.splits.listing import place_type

_WORDS = 2  # of 64 bits each
Digests = UInt64[np.ndarray, "n 2"]


def digests(texts: pa.Array) -> Digests:
    """Return the digest of each text, as two words; none may be null.

    >>> first, second, third = digests(pa.array(["a", "b", "a"])).tolist()
    >>> first == third, first == second
    (True, False)
    """
    encoded = texts.cast(pa.large_binary()).to_pylist()
    joined = b"".join(hashlib.blake2b(text, digest_size=8 * _WORDS).digest() for text in encoded)
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, _WORDS)


def equal_groups(
    parts: Iterable[tuple[slice, pa.Array]], n: int
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return, for each of `n` texts, the place of the first that equals it; an empty one equals none.

    Args:
        parts: texts, and which of the `n` they are; every place once.
        n: how many places there are.

    Returns:
        The places, and which places have a text.

    >>> parts = [(slice(0, 2), pa.array(["a", None])), (slice(2, 4), pa.array([None, "a"]))]
    >>> equal_groups(parts, 4)[0].tolist()
    [0, 1, 2, 0]
    """
    words = np.empty((_WORDS, n), dtype=np.uint64)  # of those with a text, in order
    is_text, stop = np.zeros(n, dtype=bool), 0
    for rows, texts in parts:
        is_text[rows] = texts.is_valid().to_numpy(zero_copy_only=False)
        start, stop = stop, stop + len(texts) - texts.null_count
        words[:, start:stop] = digests(texts.drop_null()).T
    firsts = _first_equal(words[:, :stop])
    del words
    if stop == n:
        return firsts, is_text
    groups = np.arange(n, dtype=firsts.dtype)
    places = np.flatnonzero(is_text).astype(firsts.dtype)
    groups[places] = places[firsts]
    return groups, is_text


def _first_equal(words: UInt64[np.ndarray, "2 n"]) -> Int[np.ndarray, " n"]:
    high, low = words
    n = len(high)
    groups = np.arange(n, dtype=place_type(n))
    order = np.argsort(
        high, kind="stable"
    )  # so that the first of equal ones has the smallest place
    repeats = _equals_one_before(high, order)
    if (
        repeats & ~_equals_one_before(low, order)
    ).any():  # digests that agree in half of their bits
        order = np.lexsort((low, high))
        repeats = _equals_one_before(high, order) & _equals_one_before(low, order)
    starts, repeated = np.flatnonzero(~repeats), np.flatnonzero(repeats)
    firsts = starts[np.searchsorted(starts, repeated) - 1]
    groups[order[repeated]] = order[firsts]
    return groups


def _equals_one_before(
    values: UInt64[np.ndarray, " n"], order: Int64[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    ordered = values[order]
    found = np.zeros(len(ordered), dtype=bool)
    np.equal(ordered[1:], ordered[:-1], out=found[1:])
    return found


class Lookup:
    """Where a text stands among others, the first of equal ones."""

    def __init__(self, known: Sequence[pa.Array]) -> None:
        """Take the texts that are known, in parts; none may be null."""
        words = np.concatenate([np.empty((0, _WORDS), np.uint64), *map(digests, known)])
        order = np.argsort(words[:, 0], kind="stable")
        self._words, self._order = words[order], order.astype(place_type(len(order)))

    def places(self, wanted: pa.Array) -> Int64[np.ndarray, " wanted"]:
        """Return the place of each text, -1 where it is none of those that are known."""
        digest = digests(wanted)
        spots = np.searchsorted(self._words[:, 0], digest[:, 0])
        places = np.full(len(digest), -1, dtype=np.int64)
        open_ones = np.arange(len(digest))
        while len(open_ones):  # once, unless digests agree in half of their bits
            open_ones = open_ones[spots[open_ones] < len(self._words)]
            found = self._words[spots[open_ones]]
            sought = digest[open_ones]
            is_it = (found == sought).all(axis=1)
            places[open_ones[is_it]] = self._order[spots[open_ones[is_it]]]
            open_ones = open_ones[(found[:, 0] == sought[:, 0]) & ~is_it]
            spots[open_ones] += 1
        return places
