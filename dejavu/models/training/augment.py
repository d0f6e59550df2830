"""Random views of whole batches: resized crop, flip and color jitter in a few tensor operations.

One call draws for every image of the batch at once, on the device that holds the images; the random
numbers come from an explicit CPU generator, so that they are the same on every device.
"""

import dataclasses
import math

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from dejavu.models.training.part import WHOLE, Part

MEAN = 0.5  # of pixels in [0, 1]: the statistics that trained networks see
STD = 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How one kind of view is drawn."""

    size_px: int  # side of the square view
    min_scale: float  # smallest share of the image's area that a view shows
    max_scale: float = 1.0  # largest share
    color_jitter: float = 0.0  # brightness, contrast, saturation change by at most this share
    max_aspect: float = 4 / 3  # width/height is drawn log-uniformly from [1/max_aspect, max_aspect]


def normalized(pixels: UInt8[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3 h w"]:
    """Scale 8-bit pixels to (x/255 - MEAN) / STD."""
    return (pixels.float() / 255 - MEAN) / STD


def draw(
    pixels: UInt8[Tensor, "n 3 h w"] | Float32[Tensor, "n 3 h w"],
    view: View,
    generator: torch.Generator,
    part: Part = WHOLE,
) -> Float32[Tensor, "n 3 size size"]:
    """Return one normalized random view of each image.

    A view is a random rectangle (area share in [min_scale, max_scale], random aspect ratio, random
    place; a side is cut to the image's), mirrored with probability 1/2, sampled bilinearly, with
    jittered colors.

    Args:
        pixels: RGB images of one size, 0 to 255; as float32 where several views are drawn of them.
        view: what is drawn.
        generator: a CPU generator; it alone decides the views.
        part: which part of a batch the images are. Numbers are drawn for all of the batch, so that an
            image's view does not depend on how many processes share it.
    """
    n = len(pixels)
    grid = affine_grid(
        _rectangles(n * part.size, view, generator)[part.of(n)].to(pixels.device),
        [n, 3, view.size_px, view.size_px],
        align_corners=False,
    )
    views = grid_sample(pixels.float(), grid, padding_mode="reflection", align_corners=False)
    if view.color_jitter > 0:
        views = _jittered(views, view.color_jitter, generator, part)
    return (views / 255 - MEAN) / STD


def _rectangles(n: int, view: View, generator: torch.Generator) -> Float[Tensor, "n 2 3"]:
    """Draw the affine maps from view to image coordinates, both in [-1, 1]."""
    area, aspect, x, y, flip = torch.rand(5, n, generator=generator)
    side = (view.min_scale + (view.max_scale - view.min_scale) * area).sqrt()
    stretch = torch.exp((2 * aspect - 1) * math.log(view.max_aspect) / 2)
    width, height = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
    maps = torch.zeros(n, 2, 3)
    maps[:, 0, 0] = torch.where(flip < 0.5, -width, width)
    maps[:, 1, 1] = height
    maps[:, 0, 2] = (2 * x - 1) * (1 - width)
    maps[:, 1, 2] = (2 * y - 1) * (1 - height)
    return maps


def _jittered(
    views: Float[Tensor, "n 3 h w"], strength: float, generator: torch.Generator, part: Part
) -> Float[Tensor, "n 3 h w"]:
    """Change brightness, contrast and saturation of each view by up to `strength`, in that order."""
    n = len(views)
    drawn = torch.rand(3, n * part.size, 1, 1, 1, generator=generator)[:, part.of(n)]
    brightness, contrast, saturation = (1 + strength * (2 * drawn - 1)).to(views.device)
    views = views * brightness
    level = views.mean(dim=(1, 2, 3), keepdim=True)
    views = level + (views - level) * contrast
    gray = views.mean(dim=1, keepdim=True)
    return gray + (views - gray) * saturation
