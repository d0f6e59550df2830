"""What every model of the caption lane can do, whoever trained it."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from dejavu.models import embedding
from dejavu.run import cores

_PIECE = 16  # images that a thread resizes at a time


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionModel:
    """A model that turns captions, and images if it sees any, into unit vectors of one length."""

    embed_texts: Callable[[list[str]], Float32[np.ndarray, "n dim"]]
    embed_images: Callable[[list[Image.Image]], Float32[np.ndarray, "n dim"]] | None
    facts: dict[str, Any]  # for the provenance record: dim, preprocessing, hash of the weights


def of_network(
    model: torch.nn.Module,
    tokenize: Callable[[list[str]], Tensor],
    prepare: Callable[[list[Image.Image]], Tensor],
    *,
    device: torch.device,
    facts: dict[str, Any],
) -> CaptionModel:
    """Return the interface to an OpenCLIP network that lies on `device`."""
    model.eval()

    @torch.inference_mode()
    def embed_texts(captions: list[str]) -> np.ndarray:
        vectors = model.encode_text(tokenize(captions).to(device), normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        return vectors.float().cpu().numpy()

    @torch.inference_mode()
    def embed_images(images: list[Image.Image]) -> np.ndarray:
        pixels = embedding.pinned(_in_threads(prepare, images), device)
        vectors = model.encode_image(pixels.to(device), normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        return vectors.float().cpu().numpy()

    return CaptionModel(embed_texts=embed_texts, embed_images=embed_images, facts=facts)


def _in_threads(
    prepare: Callable[[list[Image.Image]], Tensor], images: list[Image.Image]
) -> Tensor:
    """Return what `prepare` makes of all images; it looks at each by itself."""
    pieces = [images[start : start + _PIECE] for start in range(0, len(images), _PIECE)]
    if len(pieces) < 2:
        return prepare(images)
    with ThreadPoolExecutor(cores.given()) as pool:
        return torch.cat(list(pool.map(prepare, pieces)))
