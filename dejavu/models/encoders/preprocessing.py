"""How an image becomes what a network sees; stored with the weights it belongs to."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from dejavu.models.pixels import Reader, Resample, Resize, load_pixels
from dejavu.models.training import augment
from dejavu.params.encoders import TrainingRecipe
from dejavu.params.networks import StatedPreprocessing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Resize to a square, scale to [0, 1], subtract `mean` and divide by `std`, per channel."""

    size_px: int  # side of the square
    resize: Resize  # squash: both sides to shorter_px; center: the shorter one; then cut
    shorter_px: int  # size_px where nothing more is cut off
    resample: Resample
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def stated(cls, settings: StatedPreprocessing) -> "Preprocessing":
        """Return what an entry of params.yaml states."""
        return cls(**settings.model_dump())

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Preprocessing":
        """Return what `as_dict` described."""
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**dataclasses.asdict(self), "mean": list(self.mean), "std": list(self.std)}

    def fingerprint(self) -> str:
        """Return 16 hex digits that name this preprocessing."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def load(
        self, reader: Reader, uris: Sequence[str], boxes: Int[np.ndarray, "n 4"] | None
    ) -> UInt8[Tensor, "n 3 size size"]:
        """Read images, or a box of each, as squares of 8-bit pixels."""
        return load_pixels(
            reader, uris, boxes, self.size_px,
            resize=self.resize, shorter_px=self.shorter_px, resample=self.resample,
        )  # fmt: skip

    def normalized(self, pixels: UInt8[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3 h w"]:
        """Return what the network sees."""
        mean, std = (
            torch.tensor(values, device=pixels.device).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (pixels.float() / 255 - mean) / std


def of_recipe(recipe: TrainingRecipe) -> Preprocessing:
    """Return the preprocessing of networks that this pipeline trains on views of `view_px`.

    What was trained on views of squares sees squares. What saw published views sees images in their own
    aspect, as the authors embed: 224 pixels out of the middle of 256 on the shorter side, or that share.
    """
    size_px = recipe.view_px
    is_small = recipe.views == "small"
    return Preprocessing(
        size_px=size_px, resize="squash" if is_small else "center",
        shorter_px=size_px if is_small else round(size_px * 256 / 224), resample="bilinear",
        mean=(augment.MEAN,) * 3, std=(augment.STD,) * 3,
    )  # fmt: skip
