"""Floating-point operations of networks, counted by torch on tensors without contents."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from dejavu.params.caption import SmallClip


def counted(run: Callable[[], object]) -> float:
    """Return the operations of `run`; a multiplication and an addition are two."""
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """OpenCLIP warns of networks without weights; here none are wanted."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@functools.cache
def backbone(architecture: str, width: int, px: int) -> tuple[float, int]:
    """Return the operations of a backbone on one image of `px` pixels a side, and its vector's length."""
    from dejavu.models.encoders import networks

    with torch.device("meta"), torch.no_grad():
        network = networks.build(architecture, width=width).eval()
        return counted(lambda: network(torch.zeros(1, 3, px, px))), network.dim


def encoder(recipe: Any, px: int) -> tuple[float, dict[str, int]]:
    """Return the operations of a recipe's backbone and projector on one image, and its layers."""
    from dejavu.models.encoders import trained_network

    with torch.device("meta"), torch.no_grad():
        network = trained_network.network(recipe).eval()
        return counted(lambda: network(torch.zeros(1, 3, px, px))), network.layers


def clip(network: str | SmallClip) -> tuple[float, float, int]:
    """Return the operations of a CLIP network on one image and on one caption, and its vectors' length."""
    import open_clip

    from dejavu.models.clip import network as networks

    with torch.device("meta"), torch.no_grad(), _without_warnings():
        model: Any = (
            networks.build(network)
            if isinstance(network, SmallClip)
            else open_clip.create_model(network, device="meta")
        ).eval()
        side = networks.image_px(network)
        if isinstance(network, SmallClip):
            length, dim = network.context_length, network.embedding_dim
        else:
            config = open_clip.get_model_config(network)
            length, dim = config["text_cfg"].get("context_length", 77), config["embed_dim"]
        image = counted(lambda: model.encode_image(torch.zeros(1, 3, side, side)))
        text = counted(lambda: model.encode_text(torch.zeros(1, length, dtype=torch.long)))
    return image, text, int(dim)
