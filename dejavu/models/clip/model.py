"""What every model of the caption lane can do, whoever trained it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32
from PIL import Image


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionModel:
    """A model that turns captions, and images if it sees any, into unit vectors of one length."""

    embed_texts: Callable[[list[str]], Float32[np.ndarray, "n dim"]]
    embed_images: Callable[[list[Image.Image]], Float32[np.ndarray, "n dim"]] | None
    facts: dict[str, Any]  # for the provenance record: dim, preprocessing, hash of the weights
