"""Sums over the values of pairs of vectors, in float64 and in one order, for a few pairs and for many.

Value j goes to running sum j mod `LANES`; these are added up at the end, the first one first. Processors
compute several at once, and every processor, number of threads and neighbor in memory gives the same bits.
"""

import functools
from collections.abc import Callable
from typing import no_type_check

import numpy as np
from jaxtyping import Float64

LANES = 32


def of_rows(values: Float64[np.ndarray, "n dim"]) -> Float64[np.ndarray, " n"]:
    """Return the sum of each row.

    >>> of_rows(np.array([[1.0, 2.0, 3.0]])).tolist()
    [6.0]
    """
    n, dim = values.shape
    lanes = np.zeros((n, LANES))
    for start in range(0, dim, LANES):
        part = values[:, start : start + LANES]
        lanes[:, : part.shape[1]] += part
    total = np.zeros(n)
    for lane in range(LANES):
        total += lanes[:, lane]
    return total


@functools.cache
def kernels() -> tuple[Callable[..., None], Callable[..., None]]:
    """Return `squared_distances` and `products`, compiled: the compiler takes a second to import."""
    from dejavu.run.compiled import compiled

    return compiled(squared_distances), compiled(products)


@no_type_check
def squared_distances(left, left_rows, right, right_rows, distances):
    """Write the squared Euclidean distance of each pair of rows into `distances`.

    Args:
        left: float32 (n_left, dim).
        left_rows: int64, one per pair.
        right: float32 (n_right, dim).
        right_rows: int64, one per pair.
        distances: float64, one per pair.
    """
    dim = left.shape[1]
    whole = dim - dim % LANES
    lanes = np.empty(LANES)
    for pair in range(len(left_rows)):
        a, b = left[left_rows[pair]], right[right_rows[pair]]
        lanes[:] = 0.0
        for start in range(0, whole, LANES):
            for lane in range(LANES):
                apart = np.float64(a[start + lane]) - np.float64(b[start + lane])
                lanes[lane] += apart * apart
        for lane in range(dim - whole):
            apart = np.float64(a[whole + lane]) - np.float64(b[whole + lane])
            lanes[lane] += apart * apart
        total = 0.0
        for lane in range(LANES):
            total += lanes[lane]
        distances[pair] = total


@no_type_check
def products(left, left_rows, right, right_rows, dots, squares):
    """Write a·b of each pair of rows into `dots`, and a·a and b·b into the columns of `squares`.

    Args:
        left: float32 (n_left, dim).
        left_rows: int64, one per pair; a·a is computed anew only where the row changes.
        right: float32 (n_right, dim).
        right_rows: int64, one per pair.
        dots: float64, one per pair.
        squares: float64 (pairs, 2).
    """
    dim = left.shape[1]
    whole = dim - dim % LANES
    both, theirs = np.empty(LANES), np.empty(LANES)
    own, known = 0.0, -1
    for pair in range(len(left_rows)):
        a, b = left[left_rows[pair]], right[right_rows[pair]]
        if left_rows[pair] != known:
            known = left_rows[pair]
            both[:] = 0.0
            for start in range(0, dim, LANES):
                for lane in range(min(LANES, dim - start)):
                    both[lane] += np.float64(a[start + lane]) * np.float64(a[start + lane])
            own = 0.0
            for lane in range(LANES):
                own += both[lane]
        both[:] = 0.0
        theirs[:] = 0.0
        for start in range(0, whole, LANES):
            for lane in range(LANES):
                y = np.float64(b[start + lane])
                both[lane] += np.float64(a[start + lane]) * y
                theirs[lane] += y * y
        for lane in range(dim - whole):
            y = np.float64(b[whole + lane])
            both[lane] += np.float64(a[whole + lane]) * y
            theirs[lane] += y * y
        dot = square = 0.0
        for lane in range(LANES):
            dot += both[lane]
            square += theirs[lane]
        dots[pair], squares[pair, 0], squares[pair, 1] = dot, own, square
