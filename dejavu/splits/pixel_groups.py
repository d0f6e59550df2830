"""Confirm by pixels that images whose perceptual hashes are close are one image.

A perceptual hash says which coarse waves of an image are stronger than the median one. Of an object on a
white ground they are all alike, so that whole lines of products fall into one group. So groups of
`CONFIRMED_FROM` images or more are looked at: two images stay together if their thumbnails agree in color
and pattern. (A pair that is joined by mistake costs no more than the freedom of one sample, and is not worth
opening two images.)
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float32, Int, Int64, UInt8
from PIL import Image

from dejavu.corpora.image_reader import ImageError, ImageReader
from dejavu.splits.duplicates import components

CONFIRMED_FROM = 3  # distinct files of one group
SIDE_PX = 16  # of a thumbnail
# Of photographs (Tiny ImageNet) that were compressed (JPEG 30), scaled by 0.6, blurred or brightened by a
# tenth, and whose hashes stay within 3 bits, all pairs are below and above these.
MAX_RMS = 20.0  # of the differences of two thumbnails, of 255
MIN_CORRELATION = 0.9  # of what differs from each thumbnail's mean color
FLAT = 2.0  # standard deviation of a thumbnail without pattern: then only its color can agree
_ROWS = 1_024  # compared at once with all others of a group

Thumbnails = UInt8[np.ndarray, "n values"]
Look = Callable[[Int64[np.ndarray, " n"]], tuple[Thumbnails, np.ndarray]]


def looker(reader: ImageReader, uris: list[str], *, workers: int) -> Look:
    """Return what opens images by place: their thumbnails, and which of them could be read."""

    def one(place: int) -> np.ndarray | None:
        try:
            image = reader.read(uris[place])
        except ImageError:
            return None
        small = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX, reducing_gap=3.0)
        return np.asarray(small, dtype=np.uint8).ravel()

    def look(places: Int64[np.ndarray, " n"]) -> tuple[Thumbnails, np.ndarray]:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(one, places.tolist()))
        is_read = np.array([each is not None for each in found], dtype=bool)
        nothing = np.zeros(SIDE_PX * SIDE_PX * 3, dtype=np.uint8)
        return np.array([nothing if each is None else each for each in found]), is_read

    return look


def confirmed(
    near: Int64[np.ndarray, " n"], exact: Int64[np.ndarray, " n"], look: Look
) -> Int64[np.ndarray, " n"]:
    """Return `near` with every large group torn into what the pixels confirm.

    Args:
        near: group by hash of each sample.
        exact: group of identical files of each sample; one of them is opened.
        look: returns the thumbnails of samples by their places.
    """
    groups = near.copy()
    _, first = np.unique(exact, return_index=True)
    of_group, counts = np.unique(near[first], return_counts=True)
    is_large = np.isin(near[first], of_group[counts >= CONFIRMED_FROM])
    wanted = first[is_large]
    wanted = wanted[np.argsort(near[wanted], kind="stable")]
    next_group = int(near.max(initial=-1)) + 1
    ends = np.flatnonzero(np.diff(near[wanted])) + 1
    for members in np.split(wanted, ends) if len(wanted) else []:
        thumbnails, is_read = look(members)
        parts = _parts(thumbnails, is_read)
        groups[members] = next_group + parts
        next_group += int(parts.max()) + 1
    return groups[first][np.searchsorted(exact[first], exact)]


def _parts(thumbnails: Thumbnails, is_read: np.ndarray) -> Int64[np.ndarray, " n"]:
    edges = [np.empty((2, 0), dtype=np.int64), *_close(thumbnails, is_read)]
    return components(np.concatenate(edges, axis=1), len(thumbnails))


def _close(thumbnails: Thumbnails, is_read: np.ndarray) -> Iterator[Int[np.ndarray, "2 edges"]]:
    """Yield pairs of rows that show one image, each once."""
    pixels = thumbnails.astype(np.float32).reshape(len(thumbnails), -1, 3)
    colors = pixels.mean(axis=1)
    patterns = (pixels - colors[:, None]).reshape(len(thumbnails), -1)
    norms: Float32[np.ndarray, " n"] = np.sqrt((patterns**2).sum(axis=1))
    n_values = patterns.shape[1]
    is_flat = norms <= FLAT * np.sqrt(n_values)
    for start in range(0, len(patterns), _ROWS):
        rows = slice(start, start + _ROWS)
        products = patterns[rows] @ patterns.T
        color_gaps = ((colors[rows][:, None] - colors[None]) ** 2).sum(axis=2) * (n_values / 3)
        squares = norms[rows][:, None] ** 2 + norms[None] ** 2 - 2 * products + color_gaps
        close = squares <= MAX_RMS**2 * n_values
        agree = products >= MIN_CORRELATION * norms[rows][:, None] * norms[None]
        both_flat = is_flat[rows][:, None] & is_flat[None]
        same = close & (agree | both_flat) & is_read[rows][:, None] & is_read[None]
        left, right = np.nonzero(same)
        later = right > left + start
        yield np.stack([left[later] + start, right[later]])
