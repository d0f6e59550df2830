"""Views as the methods' authors draw them: cut from each image in its own aspect, by torchvision and lightly.

VICReg (Bardes et al. 2022, appendix C.1) and Barlow Twins (Zbontar et al. 2021, section 2.2) take BYOL's two
views, DINO (Caron et al. 2021, section 3) two global and several local ones, SimCLR (Chen et al. 2020,
appendix A) the same one twice, with stronger colors. CLIP's is OpenCLIP's default. Sizes, areas and the
strength of the color jitter are the recipe's.
"""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import UInt8
from lightly.transforms.gaussian_blur import GaussianBlur
from lightly.transforms.solarize import RandomSolarization
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from dejavu.params.encoders import DinoRecipe, SimclrRecipe, TrainingRecipe

Transform = Callable[[Image.Image], Tensor]  # to 8-bit pixels, [3, size, size]
CLIP_SCALE = (0.9, 1.0)  # of OpenCLIP's random crops


def of_recipe(recipe: TrainingRecipe) -> list[Transform]:
    """Return the views of a method, in the order in which its loss wants them."""
    size, scale, strength = recipe.view_px, (recipe.min_crop_scale, 1.0), recipe.color_jitter
    if isinstance(recipe, SimclrRecipe):
        jitter = v2.ColorJitter(strength, strength, strength, strength / 4)
        return [_view(size, scale, jitter, blur=0.5)] * 2
    jitter = v2.ColorJitter(strength, strength, strength / 2, strength / 4)
    if not isinstance(recipe, DinoRecipe):
        return [
            _view(size, scale, jitter, blur=1.0),
            _view(size, scale, jitter, blur=0.1, solarize=0.2),
        ]
    large = (recipe.global_scale, 1.0)
    local = _view(
        recipe.local_view_px, (recipe.min_crop_scale, recipe.global_scale), jitter, blur=0.5
    )
    return [
        _view(size, large, jitter, blur=1.0),
        _view(size, large, jitter, blur=0.1, solarize=0.2),
        *[local] * recipe.n_local_views,
    ]


def of_clip(size_px: int) -> list[Transform]:
    """Return the one view that CLIP is trained on."""
    crop = v2.RandomResizedCrop(size_px, CLIP_SCALE, interpolation=InterpolationMode.BICUBIC)
    return [v2.Compose([crop, v2.PILToTensor()])]


def _view(
    size_px: int,
    scale: tuple[float, float],
    jitter: v2.ColorJitter,
    *,
    blur: float,
    solarize: float = 0.0,
) -> Transform:
    """Return one kind of view; `blur` and `solarize` are probabilities."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size_px, scale, interpolation=InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([jitter], p=0.8),
            v2.RandomGrayscale(p=0.2),
            GaussianBlur(prob=blur, sigmas=(0.1, 2.0)),
            RandomSolarization(prob=solarize),
            v2.PILToTensor(),
        ]
    )


def drawn(
    image: Image.Image, transforms: list[Transform], seed: int
) -> list[UInt8[Tensor, "3 _ _"]]:
    """Return the views of an RGB image that a 63-bit seed decides."""
    with _seeded(seed):
        return [transform(image) for transform in transforms]


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what the transforms draw from, torch's and NumPy's global generators; put both back."""
    before = np.random.get_state()  # noqa: NPY002 - lightly draws from it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
