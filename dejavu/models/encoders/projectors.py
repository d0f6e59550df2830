"""Projectors of the methods that train here: the layers, names and first weights of lightly's heads.

They stand here because importing lightly's takes a second of processor, which every stage that only loads
a network would spend; `tests/models/encoders/test_projectors.py` holds them to lightly's, bit by bit.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Projector(nn.Module):
    """Linear layers, each with batch norm or a bias; tensors are named as those of lightly's heads."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Float[Tensor, "n n_in"]) -> Float[Tensor, "n dim"]:
        """Return the projections of feature vectors."""
        projected: Tensor = self.layers(features)
        return projected


def expanding(n_in: int, dim: int) -> nn.Module:
    """Return the projector of VICReg and Barlow Twins: three linear layers of `dim` units."""
    return Projector(*_normed(n_in, dim), *_normed(dim, dim), nn.Linear(dim, dim))


def simclr(n_in: int, dim: int) -> nn.Module:
    """Return the projector of SimCLR: two linear layers, batch norm after both."""
    return Projector(*_normed(n_in, dim), nn.Linear(dim, dim, bias=False), nn.BatchNorm1d(dim))


def dino(n_in: int, dim: int) -> nn.Module:
    """Return the projector of DINO up to its bottleneck of `dim` units: no normalization, no prototypes."""
    hidden = 2 * dim
    layers = nn.Sequential(
        *_normed(n_in, hidden, nn.GELU), *_normed(hidden, hidden, nn.GELU), nn.Linear(hidden, dim)
    )
    for layer in layers:
        if isinstance(layer, nn.Linear):
            _draw(layer)
    nn.Linear(
        dim, 1, bias=False
    )  # lightly's head draws prototypes too: what follows draws the same
    return layers


@torch.no_grad()
def _draw(layer: nn.Linear) -> None:
    """Draw weights as lightly does, by the inverse of the normal distribution; torch's way to has changed."""
    layer.weight.uniform_(-1, 1).erfinv_().mul_(0.02 * math.sqrt(2)).clamp_(-2, 2)
    if layer.bias is not None:
        layer.bias.zero_()


def _normed(
    n_in: int, n_out: int, activation: Callable[[], nn.Module] = nn.ReLU
) -> list[nn.Module]:
    return [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), activation()]
