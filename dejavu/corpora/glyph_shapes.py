"""Glyphs as objects: one shape and one color per label, drawn into a given rectangle."""

import functools
import importlib.util
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from dejavu.errors import DataError

GLYPHS = {
    "anchor": "⚓", "airplane": "✈", "clover": "☘", "club": "♣", "cross": "✚", "envelope": "✉",
    "flower": "✿", "gear": "⚙", "hammers": "⚒", "heart": "♥", "knight": "♞", "queen": "♛",
    "radiation": "☢", "skull": "☠", "spade": "♠", "star": "★", "telephone": "☎", "umbrella": "☂",
    "wheel": "☸", "yin yang": "☯",
}  # fmt: skip
_DRAWN_PX = 160  # size at which a glyph is drawn once, before it is scaled
_STROKE_PX = 4  # thickens thin lines, so that every glyph shows its color


@functools.cache
def _drawn(name: str) -> Image.Image:
    """Return the glyph's coverage (0..255), cut tightly."""
    canvas = Image.new("L", (2 * _DRAWN_PX, 2 * _DRAWN_PX))
    ImageDraw.Draw(canvas).text(
        (_DRAWN_PX, _DRAWN_PX), GLYPHS[name], font=ImageFont.truetype(font_path(), _DRAWN_PX),
        fill=255, stroke_width=_STROKE_PX, anchor="mm",
    )  # fmt: skip
    return canvas.crop(canvas.getbbox())


@functools.lru_cache(maxsize=16_384)
def coverage(name: str, width_px: int, height_px: int) -> Float[np.ndarray, "height width"]:
    """Return how much of each pixel glyph `name` covers, in [0, 1], stretched to fill a rectangle.

    Every glyph fills its rectangle exactly, so the rectangle says nothing about the glyph.
    """
    scaled = _drawn(name).resize((width_px, height_px), Image.Resampling.BOX)
    return np.asarray(scaled, dtype=np.float64) / 255


def font_path() -> str:
    """Return DejaVu Sans as Matplotlib ships it, found without the cost of importing Matplotlib."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "The glyph corpora need the font that Matplotlib ships: pip install matplotlib."
        )
    return str(Path(spec.submodule_search_locations[0], "mpl-data/fonts/ttf/DejaVuSans.ttf"))
