"""How similar two embeddings are, in float64, rounded so that equal images tie exactly.

``l2`` is minus the squared Euclidean distance of the raw vectors, to nine significant digits; ``cosine``
is the cosine, to nine decimals. Higher is nearer in both.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.errors import DataError
from dejavu.search import pair_sums

Metric = Literal["l2", "cosine"]
DIGITS = 9
_MANY = 20  # searches that cannot all come out alike by chance
COMPILED_FROM = 5 * 10**7  # values of all pairs: fewer take less time than importing the compiler
BYTES_AT_ONCE = 1024**2  # of float64 vectors compared in one step: they stay in a core's cache


def pairwise(
    left: Float32[np.ndarray, "n_left dim"],
    left_rows: Int64[np.ndarray, " pairs"],
    right: Float32[np.ndarray, "n_right dim"],
    right_rows: Int64[np.ndarray, " pairs"],
    metric: Metric,
    *,
    threads: int = 1,
) -> Float64[np.ndarray, " pairs"]:
    """Return the similarity of each pair of rows, in bounded memory.

    A pair's value depends on its two vectors alone, never on the other pairs nor on `threads`.
    """
    n_values = len(left_rows) * left.shape[1]
    step = max(1, BYTES_AT_ONCE // (8 * max(1, left.shape[1])))
    compare = _compiled if n_values >= COMPILED_FROM else _vectorized
    if compare is _compiled:
        step = max(step, -(-len(left_rows) // (8 * threads)))
    similarities = np.empty(len(left_rows))

    def fill(start: int) -> None:
        part = slice(start, start + step)
        similarities[part] = compare(left, left_rows[part], right, right_rows[part], metric)

    starts = range(0, len(left_rows), step)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, starts) if len(starts) > 1 else map(fill, starts):
            pass
    return similarities


def _vectorized(
    left: np.ndarray,
    left_rows: np.ndarray,
    right: np.ndarray,
    right_rows: np.ndarray,
    metric: Metric,
) -> np.ndarray:
    return similarity(left[left_rows], right[right_rows], metric)


def _compiled(
    left: np.ndarray,
    left_rows: np.ndarray,
    right: np.ndarray,
    right_rows: np.ndarray,
    metric: Metric,
) -> np.ndarray:
    """Return what `similarity` returns, to the bit, without copies of the vectors."""
    squared_distances, products = pair_sums.kernels()
    sums = np.empty(len(left_rows))
    if metric == "l2":
        squared_distances(left, left_rows, right, right_rows, sums)
        return _of_distances(sums)
    squares = np.empty((len(left_rows), 2))
    products(left, left_rows, right, right_rows, sums, squares)
    return _of_products(sums, squares[:, 0], squares[:, 1])


def similarity(
    left: Float32[np.ndarray, "pairs dim"], right: Float32[np.ndarray, "pairs dim"], metric: Metric
) -> Float64[np.ndarray, " pairs"]:
    """Return the similarity of each row of `left` to the same row of `right`.

    >>> a, b = np.array([[3.0, 4.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> similarity(a, b, "l2").tolist(), similarity(a, b, "cosine").tolist()
    ([-18.0], [0.8])
    """
    if metric == "cosine":
        first, second = left.astype(np.float64), right.astype(np.float64)
        squares = (pair_sums.of_rows(each * each) for each in (first, second))
        return _of_products(pair_sums.of_rows(first * second), *squares)
    # Differences first: |a|² + |b|² - 2ab would cancel, and equal vectors would not be at zero.
    difference = np.subtract(left, right, dtype=np.float64)
    return _of_distances(pair_sums.of_rows(difference * difference))


def _of_products(dots: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    cosines: np.ndarray = np.round(dots / (np.sqrt(left) * np.sqrt(right)), DIGITS) + 0.0  # no -0.0
    return cosines


def _of_distances(squared: np.ndarray) -> np.ndarray:
    return 0.0 - significant(squared)


def prepared(
    vectors: Float32[np.ndarray, "n dim"], metric: Metric, center: Float32[np.ndarray, " dim"]
) -> Float32[np.ndarray, "n dim"]:
    """Return vectors as FAISS sees them: around `center` for ``l2``, of length 1 for ``cosine``."""
    seen = np.empty_like(vectors)
    if metric == "l2":
        return np.subtract(vectors, center, out=seen)
    step = max(1, BYTES_AT_ONCE // (8 * max(1, vectors.shape[1])))
    for start in range(0, len(vectors), step):
        seen[start : start + step] = unit(vectors[start : start + step])
    return seen


def unit(vectors: Float32[np.ndarray, "n dim"]) -> Float64[np.ndarray, "n dim"]:
    """Scale nonzero vectors to length 1."""
    exact = vectors.astype(np.float64)
    return exact / np.sqrt((exact**2).sum(axis=1, keepdims=True))


def norms_of(vectors: Float32[np.ndarray, "n dim"]) -> Float64[np.ndarray, " n"]:
    """Return the Euclidean length of each vector, summed in float64."""
    lengths: np.ndarray = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return lengths


def significant(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Round values ≥ 0 to nine significant digits.

    >>> significant(np.array([1234.567890123, 0.0])).tolist()
    [1234.56789, 0.0]
    """
    positive = np.where(values > 0, values, 1.0)
    digits = DIGITS - 1 - np.floor(np.log10(positive))
    scale = 10.0 ** np.clip(digits, -300, 300)
    return np.where(values > 0, np.round(positive * scale) / scale, 0.0)


def require_usable(vectors: Float32[np.ndarray, "n dim"], metric: Metric, *, what: str) -> None:
    """Refuse vectors without a similarity: NaN, infinite, or zero where `metric` is ``cosine``."""
    # a sum of float32 in float64 is finite exactly where all of its terms are
    sums = vectors.sum(axis=1, dtype=np.float64)
    if bad := int((~np.isfinite(sums)).sum()):
        raise DataError(
            f"{bad} {what} vectors hold NaN or infinity. Look at how they were embedded."
        )
    if metric == "cosine" and (zero := int((~vectors.any(axis=1)).sum())):
        raise DataError(f"{zero} {what} vectors are zero and have no cosine. Use metric l2.")


def require_differences(similarities: Float64[np.ndarray, "n k"]) -> None:
    """Refuse vectors that say nothing of their images: the neighbors of all are equally near.

    Raises:
        DataError: all similarities of many queries are one number.
    """
    n, k = similarities.shape
    if n < _MANY or k < 2 or np.ptp(similarities) > 0:
        return
    raise DataError(
        f"the {k} nearest neighbors of all {n} vectors are equally near ({similarities.flat[0]:g}): they do "
        "not depend on what was embedded. Was one written for all samples, or are the weights those of no "
        "trained network?"
    )
