"""Find images that are the same, or nearly, so that a split keeps them together."""

import faiss
import numpy as np
import pyarrow as pa
from jaxtyping import Int, Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

HASH_BITS = 64
BUCKETS_AT_MOST = 0.02  # share of all pairs that may be compared in buckets, which is slower
_QUERIES_AT_ONCE = 4_096
_EDGES_AT_ONCE = 4_000_000  # edges held before they are merged into groups


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

    The search is exact. Memory stays bounded however many hashes are equal or close: equal ones
    are merged first, and close pairs are folded into groups as they are found.

    Args:
        hashes: 64-bit hashes, as signed integers.
        max_bits: largest Hamming distance between neighbors of one group.

    Returns:
        One group number per hash.
    """
    unique, place = np.unique(hashes, return_inverse=True)
    if max_bits == 0 or len(unique) < 2:
        return place.astype(np.int64)
    codes = unique.astype("<i8").view(np.uint8).reshape(-1, HASH_BITS // 8)
    index = _index(unique.view(np.uint64), max_bits)
    index.add(codes)
    groups = np.arange(len(unique))
    pending: list[np.ndarray] = []
    n_pending = 0
    for start in range(0, len(unique), _QUERIES_AT_ONCE):
        queries = codes[start : start + _QUERIES_AT_ONCE]
        limits, _, found = index.range_search(queries, max_bits + 1)  # FAISS: strictly below
        left = np.repeat(np.arange(start, start + len(queries)), np.diff(limits).astype(np.int64))
        closer = found > left
        pending.append(np.stack([left[closer], found[closer]]))
        n_pending += int(closer.sum())
        if n_pending > _EDGES_AT_ONCE:
            groups, pending, n_pending = _merged(groups, pending), [], 0
    return _merged(groups, pending)[place]


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


def _index(hashes: np.ndarray, max_bits: int) -> faiss.IndexBinary:
    """Return an exact index: two hashes within b bits agree on one of any b + 1 chunks of bits.

    Where chunks are short, or many hashes agree on one, looking into buckets takes longer than
    comparing all pairs.
    """
    n_chunks = max_bits + 1
    chunk_bits = min(HASH_BITS // n_chunks, 16)
    n_compared = 0
    for chunk in range(n_chunks):
        values = (hashes >> np.uint64(chunk * chunk_bits)) & np.uint64(2**chunk_bits - 1)
        n_compared += int((np.unique(values, return_counts=True)[1] ** 2).sum())
    if n_compared > BUCKETS_AT_MOST * len(hashes) ** 2:
        return faiss.IndexBinaryFlat(HASH_BITS)
    return faiss.IndexBinaryMultiHash(HASH_BITS, n_chunks, chunk_bits)


def _merged(groups: np.ndarray, pending: list[np.ndarray]) -> np.ndarray:
    edges = np.concatenate([np.empty((2, 0), dtype=np.int64), *pending], axis=1)
    return joined(groups, components(edges, len(groups)))


def components(edges: Int[np.ndarray, "2 edges"], n: int) -> Int64[np.ndarray, " n"]:
    """Return one number per point of `n`; points that edges connect, directly or not, share it."""
    graph = coo_array((np.ones(edges.shape[1], dtype=np.int8), (edges[0], edges[1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
