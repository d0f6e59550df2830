"""Architectures by name: backbones that turn normalized images into one vector each."""

import importlib
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dejavu.errors import ParamsError, suggestion


class Backbone(nn.Module):
    """A network from images to feature vectors of length `dim`."""

    def __init__(self, body: nn.Module, dim: int) -> None:
        super().__init__()
        self.body = body
        self.dim = dim

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return one feature vector per normalized image."""
        features: Tensor = self.body(images)
        return features


def build(architecture: str, *, width: int) -> Backbone:
    """Make an untrained backbone.

    Args:
        architecture: a name in `ARCHITECTURES`.
        width: channels of the first convolution; 64 for ``resnet18`` and ``resnet50``.

    Raises:
        ParamsError: the name is unknown, or the architecture does not come in this width.
    """
    if architecture not in ARCHITECTURES:
        raise ParamsError(
            f"architecture {architecture!r} is unknown.{suggestion(architecture, ARCHITECTURES)}"
        )
    return ARCHITECTURES[architecture](width)


def seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """Call `make` with torch's generator seeded by `seed`, and leave the generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def conv_small(width: int) -> Backbone:
    """Six 3x3 convolutions, three of stride 2, for images of some 20 to 64 pixels."""
    return _convolutions(width, factors=(1, 2, 2, 4, 4, 8), strides=(1, 2, 1, 2, 1, 2))


def conv_tiny(width: int) -> Backbone:
    """Four 3x3 convolutions, three of stride 2: it trains in half the time, never at full size."""
    return _convolutions(width, factors=(2, 4, 4, 8), strides=(2, 2, 1, 2))


def _convolutions(width: int, *, factors: Sequence[int], strides: Sequence[int]) -> Backbone:
    channels = [3, *(width * factor for factor in factors)]
    blocks = [
        _conv_block(n_in, n_out, stride)
        for n_in, n_out, stride in zip(channels, channels[1:], strides, strict=False)
    ]
    body = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Backbone(body, channels[-1])


def resnet_small(width: int) -> Backbone:
    """A ResNet of four one-block stages without the stem's stride, for small images."""
    from torchvision.models.resnet import BasicBlock  # takes a second, which few networks need

    stages: list[nn.Module] = [_conv_block(3, width, 1)]
    n_in = width
    for factor in (1, 2, 4, 8):
        n_out, stride = width * factor, 1 if factor == 1 else 2
        shortcut = None
        if n_in != n_out:
            shortcut = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )
        stages.append(BasicBlock(n_in, n_out, stride, shortcut))
        n_in = n_out
    return Backbone(nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten()), n_in)


def _conv_block(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def _torchvision_resnet(name: str) -> Callable[[int], Backbone]:
    def make(width: int) -> Backbone:
        if width != 64:
            raise ParamsError(f"architecture {name!r} has width 64, found width {width}.")
        network = getattr(importlib.import_module("torchvision.models"), name)(weights=None)
        dim = network.fc.in_features
        network.fc = nn.Identity()
        return Backbone(network, dim)

    return make


ARCHITECTURES: dict[str, Callable[[int], Backbone]] = {
    "conv_small": conv_small,
    "conv_tiny": conv_tiny,
    "resnet_small": resnet_small,
    "resnet18": _torchvision_resnet("resnet18"),
    "resnet50": _torchvision_resnet("resnet50"),
    "resnet101": _torchvision_resnet("resnet101"),
}
