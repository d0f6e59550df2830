"""Build OpenCLIP networks and their tokenizers from a recipe."""

from collections.abc import Callable
from typing import Any

import open_clip
import torch
from torch import Tensor

from dejavu.errors import ParamsError, suggestion
from dejavu.params.caption import SmallClip

VOCABULARY = 49_408  # of OpenCLIP's byte-pair tokenizer

Tokenizer = Callable[[list[str]], Tensor]


def build(network: str | SmallClip) -> torch.nn.Module:
    """Return an untrained OpenCLIP network, drawn from torch's current seed."""
    if isinstance(network, SmallClip):
        return open_clip.model.CLIP(**_config(network))
    require_known(network)
    return open_clip.create_model(network)


def require_known(architecture: str) -> None:
    """Refuse a name that OpenCLIP has no configuration for.

    Raises:
        ParamsError: naming similar architectures.
    """
    known = open_clip.list_models()
    if architecture not in known:
        raise ParamsError(
            f"OpenCLIP has no architecture {architecture!r}.{suggestion(architecture, known)}"
        )


def tokenizer(network: str | SmallClip) -> Tokenizer:
    """Return what turns captions into tokens, int64 [n, context length]."""
    if isinstance(network, SmallClip):
        return open_clip.SimpleTokenizer(context_length=network.context_length)
    return open_clip.get_tokenizer(network)


def image_px(network: str | SmallClip) -> int:
    """Return the side of the square images that a network sees."""
    if isinstance(network, SmallClip):
        return network.image_px
    size = open_clip.get_model_config(network)["vision_cfg"]["image_size"]
    return int(size[0] if isinstance(size, list | tuple) else size)


def _config(sizes: SmallClip) -> dict[str, Any]:
    return {
        "embed_dim": sizes.embedding_dim,
        "vision_cfg": {
            "image_size": sizes.image_px, "patch_size": sizes.patch_px, "width": sizes.vision_width,
            "layers": sizes.vision_layers, "head_width": sizes.head_width,
        },
        "text_cfg": {
            "context_length": sizes.context_length, "vocab_size": VOCABULARY,
            "width": sizes.text_width, "layers": sizes.text_layers,
            "heads": sizes.text_width // sizes.head_width,
        },
    }  # fmt: skip
