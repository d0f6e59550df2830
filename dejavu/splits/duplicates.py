"""Find images that are the same, or nearly, so that a split keeps them together."""

import itertools
import math
from typing import no_type_check

import numpy as np
from jaxtyping import Int, Int64, UInt64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dejavu.run.compiled import compiled
from dejavu.splits.listing import place_type

HASH_BITS = 64
SAMPLED = 10_000  # hashes on which the number of chunks is chosen; it changes the speed only
CHUNKS_BEYOND = 3  # chunks beyond the number of bits that may differ, at most
KEYS_AT_MOST = 200
SORT_COST = 100  # comparisons that sorting one hash takes as long as


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
    codes, place = _distinct(hashes)
    if max_bits == 0 or len(codes) < 2:
        return place
    groups = np.arange(len(codes), dtype=place.dtype)
    for mask in _masks(codes, max_bits):
        keys = codes & mask
        _join_close(np.argsort(keys), keys, codes, max_bits, groups)
        del keys  # before the next ones are made
    numbers = np.cumsum(groups == np.arange(len(codes), dtype=place.dtype), dtype=place.dtype) - 1
    return numbers[groups][place]


def _distinct(
    hashes: Int[np.ndarray, " n"],
) -> tuple[UInt64[np.ndarray, " distinct"], Int[np.ndarray, " n"]]:
    """Return the distinct hashes in ascending order, and where each hash stands among them."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    is_new = np.ones(len(hashes), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    place = np.empty(len(hashes), dtype=place_type(len(hashes)))
    place[order] = np.cumsum(is_new, dtype=place.dtype) - 1
    del order
    return ordered[is_new].view(np.uint64), place


def firsts(numbers: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the place of the first member of each one's group, for groups that are numbered from 0.

    >>> firsts(np.array([1, 0, 1, 0])).tolist()
    [0, 1, 0, 1]
    """
    n, last = len(numbers), int(numbers.max(initial=-1))
    first = np.full(last + 1, n, dtype=place_type(n))
    np.minimum.at(first, numbers, np.arange(n, dtype=first.dtype))
    return first[numbers]


def joined(one: Int[np.ndarray, " n"], other: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the finest grouping that keeps together what `one` or `other` keeps together.

    A group is named by the place of its first member, here and there.

    >>> joined(np.array([0, 0, 2, 3]), np.array([0, 1, 1, 3])).tolist()
    [0, 0, 0, 3]
    """
    groups = one.copy()
    _join(groups, other)
    return groups


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
def _unite(groups, a, b):
    """Let a and b lead to the smallest member of either's group."""
    while groups[a] != a:
        groups[a] = groups[groups[a]]
        a = groups[a]
    while groups[b] != b:
        groups[b] = groups[groups[b]]
        b = groups[b]
    groups[max(a, b)] = min(a, b)


@compiled
@no_type_check
def _join(groups, others):
    """Join, in `groups`, what `others` keeps together; both name groups by their first members."""
    for i in range(len(groups)):
        if others[i] != i:
            _unite(groups, i, others[i])
    for i in range(len(groups)):
        groups[i] = groups[groups[i]]


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
                    _unite(groups, order[first], order[second])
        start = stop
    for i in range(len(groups)):  # members come after the one that names their group
        groups[i] = groups[groups[i]]


def components(edges: Int[np.ndarray, "2 edges"], n: int) -> Int64[np.ndarray, " n"]:
    """Return one number per point of `n`; points that edges connect, directly or not, share it."""
    graph = coo_array((np.ones(edges.shape[1], dtype=np.int8), (edges[0], edges[1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
