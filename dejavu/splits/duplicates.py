"""Find images that are the same, or nearly, so that a split keeps them together."""

import itertools
import math
from typing import no_type_check

import numpy as np
import pyarrow as pa
from jaxtyping import Int, Int64, UInt64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dejavu.run.compiled import compiled

HASH_BITS = 64
SAMPLED = 10_000  # hashes on which the number of chunks is chosen; it changes the speed only
CHUNKS_BEYOND = 3  # chunks beyond the number of bits that may differ, at most
KEYS_AT_MOST = 200
SORT_COST = 100  # comparisons that sorting one hash takes as long as


def exact_groups(keys: pa.Array | pa.ChunkedArray) -> Int[np.ndarray, " n"]:
    """Return one number per key; equal keys share it, empty ones are never the same.

    >>> exact_groups(pa.array(["a", "b", "a", None, None])).tolist()
    [0, 1, 0, 5, 6]
    """
    chunked = pa.chunked_array([keys]) if isinstance(keys, pa.Array) else keys
    codes = [chunk.indices.fill_null(-1) for chunk in chunked.dictionary_encode().chunks]
    groups = pa.chunked_array(codes, type=pa.int32()).to_numpy().astype(np.int64)
    return np.where(groups < 0, len(keys) + np.cumsum(groups < 0) - 1, groups)


def near_groups(hashes: Int[np.ndarray, " n"], *, max_bits: int) -> Int[np.ndarray, " n"]:
    """Group perceptual hashes that differ in at most `max_bits` bits, directly or through others.

    The search is exact: of any `max_bits` + r chunks of bits, two close hashes agree on r at least, so they
    meet where hashes are sorted by those (multi-index hashing, Norouzi et al. 2012). No pair is kept:
    groups are joined as pairs are found, in some 50 bytes a hash.

    Args:
        hashes: 64-bit hashes, as signed integers.
        max_bits: largest Hamming distance between neighbors of one group.

    Returns:
        One group number per hash.
    """
    unique, place = np.unique(hashes, return_inverse=True)
    if max_bits == 0 or len(unique) < 2:
        return place.astype(np.int64)
    codes = unique.view(np.uint64)
    groups = np.arange(len(codes))
    for mask in _masks(codes, max_bits):
        keys = codes & mask
        _join_close(np.argsort(keys), keys, codes, max_bits, groups)
    return np.unique(groups, return_inverse=True)[1][place]


def joined(*groupings: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the finest grouping that keeps together what any of `groupings` keeps together.

    >>> joined(np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7])).tolist()
    [0, 0, 0, 1]
    """
    n = len(groupings[0])
    edges = []
    for grouping in groupings:
        _, first, place = np.unique(grouping, return_index=True, return_inverse=True)
        edges.append(np.stack([np.arange(n), first[place]]))
    return components(np.concatenate(edges, axis=1), n)


def _masks(codes: UInt64[np.ndarray, " n"], max_bits: int) -> list[np.uint64]:
    """Return the bits to sort by, one mask after the other.

    More chunks make longer keys, which fewer hashes share by chance, but more keys. The number of
    chunks is the one that costs least, by the pairs that agree in a sample.
    """
    best, least = [], np.inf
    sample = codes[:: max(1, len(codes) // SAMPLED)]
    n_pairs = len(sample) * (len(sample) - 1) / 2
    for n_agreeing in range(1, CHUNKS_BEYOND + 1):
        n_chunks = max_bits + n_agreeing
        if math.comb(n_chunks, n_agreeing) > KEYS_AT_MOST:
            break
        masks = _combined(n_chunks, n_agreeing)
        shared = 0.0
        for mask in masks:
            counts = np.unique(sample & mask, return_counts=True)[1]
            shared += float((counts * (counts - 1) / 2).sum()) / n_pairs
        pairs = shared * len(codes) * (len(codes) - 1) / 2
        cost = pairs + SORT_COST * len(masks) * len(codes)
        if cost < least:
            best, least = masks, cost
    return best


def _combined(n_chunks: int, n_agreeing: int) -> list[np.uint64]:
    """Cut 64 bits into chunks; return the bits of every choice of `n_agreeing` of them."""
    edges = [chunk * HASH_BITS // n_chunks for chunk in range(n_chunks + 1)]
    chunks = [(1 << high) - (1 << low) for low, high in itertools.pairwise(edges)]
    return [np.uint64(sum(chosen)) for chosen in itertools.combinations(chunks, n_agreeing)]


@compiled
@no_type_check
def _join_close(order, keys, codes, max_bits, groups):
    """Join, in `groups`, the codes of equal keys that differ in at most `max_bits` bits.

    A group is named by its smallest member; ``groups[i]`` leads towards that of i, and is it at the end.
    """
    m1, m2, m4 = (
        np.uint64(0x5555555555555555),
        np.uint64(0x3333333333333333),
        np.uint64(0x0F0F0F0F0F0F0F0F),
    )
    one, two, four = np.uint64(1), np.uint64(2), np.uint64(4)
    start = 0
    for stop in range(1, len(order) + 1):
        if stop < len(order) and keys[order[stop]] == keys[order[start]]:
            continue
        for first in range(start, stop):
            code = codes[order[first]]
            for second in range(first + 1, stop):
                bits = code ^ codes[order[second]]
                bits -= (bits >> one) & m1
                bits = (bits & m2) + ((bits >> two) & m2)
                bits = (bits + (bits >> four)) & m4
                if (bits * np.uint64(0x0101010101010101)) >> np.uint64(56) <= max_bits:
                    a, b = order[first], order[second]
                    while groups[a] != a:
                        groups[a] = groups[groups[a]]
                        a = groups[a]
                    while groups[b] != b:
                        groups[b] = groups[groups[b]]
                        b = groups[b]
                    groups[max(a, b)] = min(a, b)
        start = stop
    for i in range(len(groups)):  # members come after the one that names their group
        groups[i] = groups[groups[i]]


def components(edges: Int[np.ndarray, "2 edges"], n: int) -> Int64[np.ndarray, " n"]:
    """Return one number per point of `n`; points that edges connect, directly or not, share it."""
    graph = coo_array((np.ones(edges.shape[1], dtype=np.int8), (edges[0], edges[1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
