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
import pyarrow as pa
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


LookAt = Callable[
    [Int64[np.ndarray, " n"]], Look
]  # is told first all places that will be asked for


def looker(
    reader: ImageReader,
    uris: pa.ChunkedArray,
    places: Int64[np.ndarray, " n"],
    *,
    workers: int,
) -> Look:
    """Return what opens images by place: their thumbnails, and which of them could be read.

    Args:
        reader: opens images.
        uris: of the images that will be asked for, and of no others.
        places: where each of these stands, ascending.
        workers: threads.
    """
    texts = uris.cast(pa.large_string()).combine_chunks()

    def one(place: int) -> np.ndarray | None:
        try:
            image = reader.read(texts[int(np.searchsorted(places, place))].as_py())
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
    near: Int[np.ndarray, " n"], exact: Int[np.ndarray, " n"], look_at: LookAt
) -> Int[np.ndarray, " n"]:
    """Return `near` with every large group torn into what the pixels confirm.

    A group is named by the place of a member: in `near` and `exact` of its first one.

    Args:
        near: group by hash of each sample.
        exact: group of identical files of each sample; the first of them is opened.
        look_at: returns what returns the thumbnails of samples by their places.
    """
    groups = near.copy()
    is_file = exact == np.arange(len(exact), dtype=exact.dtype)
    n_files = np.zeros(len(near), dtype=near.dtype)  # of the group that is named by each place
    np.add.at(n_files, near[is_file], 1)
    wanted = np.flatnonzero(is_file & (n_files >= CONFIRMED_FROM)[near])
    del is_file, n_files
    if len(wanted):
        look = look_at(wanted)
        wanted = wanted[np.argsort(near[wanted], kind="stable")]
        ends = [*(np.flatnonzero(np.diff(near[wanted])) + 1).tolist(), len(wanted)]
        start = 0
        for end in ends:
            members, start = wanted[start:end], end
            parts = _parts(*look(members))
            groups[members] = members[np.unique(parts, return_index=True)[1]][parts]
    return _first_members(groups[exact])


def _first_members(named: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return groups that are named by any place as named by the place of their first member."""
    first = np.full(len(named), len(named), dtype=named.dtype)
    np.minimum.at(first, named, np.arange(len(named), dtype=named.dtype))
    return first[named]


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
