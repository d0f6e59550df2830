"""Mean colors of images: what a control set of another source differs in before any model looks at it."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float64
from PIL import Image

from dejavu.corpora.image_reader import BROKEN, ImageReader, decode
from dejavu.errors import DejavuError

_LEAST_PX = 32  # a JPEG is decoded at a size near this: its mean is the same, several times faster
_UNREADABLE = (DejavuError, OSError, ValueError)


def mean_colors(reader: ImageReader, uris: Sequence[str]) -> Float64[np.ndarray, "n 3"]:
    """Return the mean red, green and blue of each image, in [0, 255]; NaN where it cannot be read.

    Args:
        reader: of the images.
        uris: read in parallel; in the order of the corpus they are cheapest.
    """
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda uri: _mean_color(reader, uri), uris))
    return np.array(found, dtype=np.float64).reshape(-1, 3)


def color_columns(
    colors: Float64[np.ndarray, "n 3"],
) -> dict[str, Float64[np.ndarray, " n"]] | str:
    """Return mean colors as columns, unreadable images apart; a text where no image could be read."""
    unreadable = np.isnan(colors).any(axis=1)
    if unreadable.all():
        return "no image can be read"
    filled = np.where(unreadable[:, np.newaxis], colors[~unreadable].mean(axis=0), colors)
    columns = dict(zip(("mean red", "mean green", "mean blue"), filled.T, strict=True))
    return columns | {"unreadable": unreadable.astype(np.float64)}


def _mean_color(reader: ImageReader, uri: str) -> tuple[float, float, float]:
    try:
        pixels = np.asarray(_small(reader.read_bytes(uri), uri), dtype=np.float64)
    except _UNREADABLE:
        return np.nan, np.nan, np.nan
    red, green, blue = pixels.mean(axis=(0, 1))
    return float(red), float(green), float(blue)


def _small(encoded: bytes, uri: str) -> Image.Image:
    """Decode an image, a JPEG at a smaller size."""
    try:
        with Image.open(io.BytesIO(encoded), formats=["JPEG"]) as image:
            image.draft("RGB", (_LEAST_PX, _LEAST_PX))
            return image.convert("RGB")
    except (*BROKEN, Image.DecompressionBombError):
        return decode(encoded, name=uri)  # another format; or broken, and decode says how
