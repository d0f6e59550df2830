"""Released ResNets of torchvision, from a file; nothing is downloaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu.encoders import checkpoints, folder, networks
from dejavu.encoders.pooled import PooledNetwork
from dejavu.encoders.preprocessing import Preprocessing
from dejavu.encoders.request import Request
from dejavu.encoders.timm_models import require_layers
from dejavu.params.encoders import TorchvisionModel

_WIDTH = 64  # of every torchvision ResNet
_IMAGENET = Preprocessing(
    size_px=224, resize="center", shorter_px=256, resample="bilinear",
    mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
)  # fmt: skip


def make(request: Request, out: Path) -> None:
    """Verify the weights of a torchvision ResNet and write its folder."""
    settings = request.settings
    assert isinstance(settings, TorchvisionModel)
    backbone = networks.build(settings.name, width=_WIDTH)
    path = Path(settings.weights)
    state = checkpoints.tensors(checkpoints.read(path), path, what="a state dict of tensors")
    state = {k: v for k, v in state.items() if not k.startswith("fc.")}
    checkpoints.load_exactly(backbone.body, state, path, contents=state)
    pooled = PooledNetwork(backbone, backbone.dim)
    require_layers(settings.layers, pooled.layers, request.model)
    facts = {
        **request.described(),
        "name": settings.name,
        "file": {"name": path.name, "sha256": checkpoints.sha256(path)},
        "layers": pooled.layers,
        "preprocessing": _IMAGENET.as_dict(),
    }
    folder.write(out, pooled, facts, {})


def of_provenance(facts: Mapping[str, Any]) -> PooledNetwork:
    """Return the network that `facts` describe, without weights."""
    backbone = networks.build(facts["name"], width=_WIDTH)
    return PooledNetwork(backbone, backbone.dim)
