"""Small images as data URIs, each once, within a budget of bytes."""

import base64
import collections
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from PIL import Image

from dejavu.corpora.image_reader import ImageError, ImageReader, decode
from dejavu.run import cores

Box = tuple[int, int, int, int]  # x0, y0, x1, y1: pixels of the image, x1 and y1 excluded
SMALLEST_PX = 40  # smaller ones show nothing; then images are left out instead
LEFT_OUT = "left out to keep the page small"
_QUALITY = 72  # of WebP
_PREFIX = "data:image/webp;base64,"
_TYPICAL_BYTES = 700  # an image is rarely smaller; decides how many are read at most
_IMAGES_AT_ONCE = 64  # read before they are made small: so many encoded images are held
_UNREADABLE = "unreadable"
_STEPS = 12  # how often images are made smaller before some are left out


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Wanted:
    """An image, or a part of one, that a card shows."""

    importance: tuple[int, ...]  # smaller goes first; the last are left out first
    key: str
    uri: str
    box: Box | None  # None: the whole image


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnails:
    """Encoded images by key, and why others are not there."""

    encoded: Mapping[str, bytes]
    missing: Mapping[str, str]  # key -> reason
    side_px: int  # longer side of the largest image allowed

    def data_uris(self) -> dict[str, str]:
        """Return what an <img> takes as its source, by key."""
        return {
            key: _PREFIX + base64.b64encode(image).decode("ascii")
            for key, image in self.encoded.items()
        }

    @property
    def n_bytes(self) -> int:
        """Return the size of all data URIs in the page, with their keys."""
        return sum(
            len(_PREFIX) + 4 * -(-len(image) // 3) + len(key) + 8
            for key, image in self.encoded.items()
        )


def read(
    readers: Mapping[str, ImageReader], wanted: Iterable[tuple[str, Wanted]], side_px: int
) -> Thumbnails:
    """Make the thumbnails of `wanted`, (lane, image) each.

    Images are read lane by lane in the order of their uris, each once, made small by threads, and never
    enlarged. One that cannot be read is missing, with the reason in one word.

    Args:
        readers: of each lane.
        wanted: no key twice.
        side_px: longer side of a thumbnail, in pixels.
    """
    by_image: dict[tuple[str, str], list[Wanted]] = collections.defaultdict(list)
    for lane, each in wanted:
        by_image[lane, each.uri].append(each)
    encoded: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    places = sorted(by_image, key=lambda place: (place[0], _reading_order(place[1])))

    def small(place: tuple[str, str], image: bytes | str) -> dict[str, bytes] | str:
        return image if isinstance(image, str) else _cut(image, place[1], by_image[place], side_px)

    with ThreadPoolExecutor(cores.given()) as pool:
        for start in range(0, len(places), _IMAGES_AT_ONCE):
            now = places[start : start + _IMAGES_AT_ONCE]
            images = [_bytes_of(readers[lane], uri) for lane, uri in now]
            for place, made in zip(now, pool.map(small, now, images), strict=True):
                if isinstance(made, str):
                    missing |= {part.key: made for part in by_image[place]}
                else:
                    encoded |= made
    return Thumbnails(encoded=encoded, missing=missing, side_px=side_px)


def _bytes_of(reader: ImageReader, uri: str) -> bytes | str:
    """Return an image as it is stored, or the reason why not in one word."""
    try:
        return reader.read_bytes(uri)
    except ImageError as error:
        return error.reason
    except (OSError, ValueError, pa.ArrowException):
        return _UNREADABLE


def _cut(image: bytes, uri: str, parts: Sequence[Wanted], side_px: int) -> dict[str, bytes] | str:
    """Return the thumbnails of one image by key, or the reason why there are none in one word."""
    try:
        if any(part.box is not None for part in parts):
            whole = decode(image, name=uri)  # crops need every pixel
        else:
            whole = _roughly(image, uri, 2 * side_px)
    except ImageError as error:
        return error.reason
    except (OSError, ValueError, pa.ArrowException):
        return _UNREADABLE
    return {
        part.key: _encode(whole if part.box is None else whole.crop(part.box), side_px)
        for part in parts
    }


def fit(
    thumbnails: Thumbnails,
    wanted: Sequence[Wanted],
    max_bytes: int,
    *,
    smallest_px: int = SMALLEST_PX,
) -> Thumbnails:
    """Return thumbnails that take at most `max_bytes`: smaller ones first, then fewer.

    Args:
        thumbnails: of any size.
        wanted: tells which are left out last.
        max_bytes: of the data URIs.
        smallest_px: images are not made smaller than this.
    """
    found = thumbnails
    largest = max((_longer_side(image) for image in found.encoded.values()), default=0)
    side_px = min(found.side_px, largest)
    for _ in range(_STEPS):
        if found.n_bytes <= max_bytes or side_px <= smallest_px:
            break
        side_px = max(smallest_px, side_px * 9 // 10)
        smaller = {key: _shrink(each, side_px) for key, each in thumbnails.encoded.items()}
        found = dataclasses.replace(thumbnails, encoded=smaller, side_px=side_px)
    return _leave_out(found, wanted, max_bytes)


def most_images(max_bytes: int) -> int:
    """Return how many images are worth reading for a budget."""
    return max_bytes // _TYPICAL_BYTES


def _leave_out(found: Thumbnails, wanted: Sequence[Wanted], max_bytes: int) -> Thumbnails:
    kept: dict[str, bytes] = {}
    missing = dict(found.missing)
    n_left = max_bytes
    for each in sorted(wanted):
        if each.key not in found.encoded:
            continue
        size = dataclasses.replace(found, encoded={each.key: found.encoded[each.key]}).n_bytes
        n_left -= size
        if n_left >= 0:
            kept[each.key] = found.encoded[each.key]
        else:
            missing[each.key] = LEFT_OUT
    ordered = {key: kept[key] for key in sorted(kept)}
    return dataclasses.replace(found, encoded=ordered, missing=missing)


def _roughly(encoded: bytes, uri: str, least_px: int) -> Image.Image:
    """Decode an image; a JPEG may come smaller, but not below `least_px`, several times faster."""
    try:
        with Image.open(io.BytesIO(encoded), formats=["JPEG"]) as image:
            image.draft("RGB", (least_px, least_px))
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return decode(encoded, name=uri)  # another format; or broken, and decode says how


def _encode(image: Image.Image, side_px: int) -> bytes:
    small = image.copy()
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()


def _shrink(encoded: bytes, side_px: int) -> bytes:
    with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as image:
        return encoded if max(image.size) <= side_px else _encode(image.convert("RGB"), side_px)


def _longer_side(encoded: bytes) -> int:
    with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as image:
        return max(image.size)


def _reading_order(uri: str) -> tuple[str, int, str]:
    """Return a sort key that follows the rows of a Parquet part as numbers."""
    part, _, row = uri.rpartition("#")
    return (part, int(row), "") if row.isdecimal() else (uri, -1, "")
