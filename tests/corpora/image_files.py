"""Make small images, good and bad, in the ways real corpora have them."""

import io

import numpy as np
from PIL import Image


def photo(seed=0, *, size=(24, 16), mode="RGB", kind="JPEG", **options):
    """Return an encoded image of random, smooth content."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8))
    encoded = io.BytesIO()
    coarse.resize(size, Image.Resampling.BILINEAR).convert(mode).save(encoded, kind, **options)
    return encoded.getvalue()


def grey_16_bit(size=(24, 16)):
    pixels = np.linspace(0, 65_535, size[0] * size[1]).astype(np.uint16).reshape(size[::-1])
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


GOOD = {
    "plain.jpg": photo(1),
    "upper.JPEG": photo(2),
    "grey.jpg": photo(3, mode="L"),
    "cmyk.jpg": photo(4, mode="CMYK"),
    "palette.png": photo(5, mode="P", kind="PNG", transparency=b"\x00\x80"),
    "alpha.png": photo(6, mode="RGBA", kind="PNG"),
    "bilevel.png": photo(7, mode="1", kind="PNG"),
    "deep.png": grey_16_bit(),
    "really_a_png.JPEG": photo(8, kind="PNG"),
    "really_a_jpeg.png": photo(9),
    "web.webp": photo(10, kind="WEBP"),
    "bitmap.bmp": photo(11, kind="BMP"),
    "scan.tif": photo(12, kind="TIFF"),
    "old.ppm": photo(13, kind="PPM"),
}
BAD = {
    "empty.jpg": (b"", "unreadable"),
    "text.jpg": (b"<html>404 Not Found</html>", "unreadable"),
    "header_only.png": (photo(20, kind="PNG")[:12], "unreadable"),
    "cut.jpg": (photo(21, size=(64, 64))[:-200], "truncated"),
    "cut.png": (photo(22, size=(64, 64), kind="PNG")[:-200], "truncated"),
    "dot.png": (photo(23, size=(1, 1), kind="PNG"), "too_small"),
    "line.png": (photo(24, size=(40, 1), kind="PNG"), "too_small"),
}
