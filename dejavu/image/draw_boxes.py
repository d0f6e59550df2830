"""An image with the boxes of its objects and its background crop drawn on it."""

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image, ImageDraw

BOX_COLOR = "#e4572e"  # of objects, that the adversary must not see
CROP_COLOR = "#1b9aaa"  # of what the adversary holds
MIN_SIDE_PX = 384  # smaller images are enlarged, so that lines and pixels can be told apart


def outlined(
    image: Image.Image,
    boxes: Iterable[Mapping[str, Any]],
    crop: Mapping[str, Any] | None,
) -> Image.Image:
    """Return the image, enlarged by a whole factor if it is small, with boxes and crop outlined.

    Args:
        image: RGB.
        boxes: x0, y0 included, x1, y1 excluded, in pixels of the image; orange.
        crop: the same for the background crop; blue-green. None, or without numbers: there is none.
    """
    factor = max(1, -(-MIN_SIDE_PX // max(image.size)))
    drawn = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(drawn)
    width = max(2, max(drawn.size) // 200)
    for box in boxes:
        pen.rectangle(_corners(box, factor), outline=BOX_COLOR, width=width)
    if crop is not None and crop["x0"] is not None:
        pen.rectangle(_corners(crop, factor), outline=CROP_COLOR, width=width)
    return drawn


def _corners(box: Mapping[str, Any], factor: int) -> tuple[int, int, int, int]:
    """Return the outermost pixels inside a box: Pillow draws the last one, too."""
    x0, y0 = box["x0"] * factor, box["y0"] * factor
    return (x0, y0, max(x0, box["x1"] * factor - 1), max(y0, box["y1"] * factor - 1))
