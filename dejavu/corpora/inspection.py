"""Open an image once and note all that later stages need to know about it."""

import dataclasses
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image

from dejavu.corpora.image_reader import BROKEN, FORMATS, ImageError, decode, hash_of
from dejavu.corpora.records import Record

_ORIENTATION, _UPRIGHT = 274, (0, 1)  # of EXIF: the tag, and its values that ask for nothing
EMBEDDED = ".parquet#"  # in uris of images that the project itself stored, and of no others
MIN_SIDE_PX = 2  # an image of one row or column has no background and no object


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Facts about one encoded image; None where it could not be read so far."""

    n_bytes: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    content_hash: str | None = None  # 16 hex digits of SHA-256 of the encoded bytes
    perceptual_hash: int | None = None  # 64 bits, as a signed integer
    problem: str | None = None  # missing, unreadable, truncated, corrupt, too_large, too_small, …
    is_one_color: bool = False
    is_turned: bool = False  # EXIF asks viewers to turn or mirror it, which nothing here does


def measure(record: Record, root: Path, *, max_pixels: int | None = None) -> Inspection:
    """Return the size of the image of `record` from the first bytes of its file, nothing else.

    Images that are damaged further on are not found. More than `max_pixels` are too large.
    """
    if record.problem:
        return Inspection(problem=record.problem)
    path = root / (record.uri or "")
    try:
        status = path.stat()
        n_bytes = status.st_size
        if not stat.S_ISREG(status.st_mode):
            return Inspection(problem="no_file")
        if n_bytes == 0:
            return Inspection(n_bytes=0, problem="unreadable")
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
    except (FileNotFoundError, NotADirectoryError):
        return Inspection(problem="missing")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Inspection(n_bytes=n_bytes, problem="too_large")
    except BROKEN:
        return Inspection(n_bytes=n_bytes, problem="unreadable")
    if max_pixels is not None and width * height > max_pixels:
        return Inspection(n_bytes=n_bytes, problem="too_large")
    is_small = min(width, height) < MIN_SIDE_PX
    return Inspection(
        n_bytes=n_bytes,
        width_px=width,
        height_px=height,
        problem="too_small" if is_small else None,
    )


def take_over(record: Record) -> Inspection:
    """Return the facts that a listing without images states."""
    stated = record.stated
    if stated is None or record.problem:
        return Inspection(problem=record.problem)
    is_small = (
        stated.width_px is not None
        and stated.height_px is not None
        and min(stated.width_px, stated.height_px) < MIN_SIDE_PX
    )
    return Inspection(
        width_px=stated.width_px,
        height_px=stated.height_px,
        content_hash=stated.content_hash,
        perceptual_hash=stated.perceptual_hash,
        problem="too_small" if is_small else None,
    )


def inspect(
    record: Record, read_bytes: Callable[[str], bytes], *, max_pixels: int | None = None
) -> Inspection:
    """Open the image of `record` and return its facts; a bad image is a fact, not an error.

    An image of more than `max_pixels` is not decoded.
    """
    if record.problem:
        return Inspection(problem=record.problem)
    if record.image is None and EMBEDDED in (record.uri or ""):  # a table of others names it
        return Inspection(problem="no_file")
    try:
        encoded = record.image if record.image is not None else read_bytes(record.uri or "")
    except ImageError as error:
        return Inspection(problem=error.reason)
    content_hash = hash_of(encoded)
    try:
        image = decode(encoded, name=record.name, max_pixels=max_pixels)
    except ImageError as error:
        return Inspection(n_bytes=len(encoded), content_hash=content_hash, problem=error.reason)
    is_small = min(image.size) < MIN_SIDE_PX
    bits = np.packbits(imagehash.phash(image).hash.ravel())
    extrema: Any = image.getextrema()  # of each channel; holds no second copy of the pixels
    return Inspection(
        n_bytes=len(encoded),
        width_px=image.width,
        height_px=image.height,
        content_hash=content_hash,
        perceptual_hash=int(bits.view(">i8")[0]),
        problem="too_small" if is_small else None,
        is_one_color=all(low == high for low, high in extrema),
        is_turned=_is_turned(image),
    )


def _is_turned(image: Image.Image) -> bool:
    try:
        return image.getexif().get(_ORIENTATION, 1) not in _UPRIGHT
    except BROKEN:  # no image needs its EXIF
        return False
