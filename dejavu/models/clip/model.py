"""What every model of the caption lane can do, whoever trained it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor


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
        vectors = model.encode_image(prepare(images).to(device), normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        return vectors.float().cpu().numpy()

    return CaptionModel(embed_texts=embed_texts, embed_images=embed_images, facts=facts)
