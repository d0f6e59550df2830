"""Released ResNets of torchvision, from a file; nothing is downloaded."""

import dataclasses
from pathlib import Path

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import networks
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.params.released import TorchvisionModel

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
    path = request.machine.data_folder / settings.weights
    state = checkpoints.tensors(checkpoints.read(path), path, what="a state dict of tensors")
    rest = {k: v for k, v in state.items() if not k.startswith("fc.")}
    if len(rest) == len(state):
        raise WeightsError(
            f"{path}: has no classifier 'fc', which torchvision's files have.{checkpoints.guess(state)}"
        )
    checkpoints.load_exactly(backbone.body, rest, path, contents=state)
    digest = checkpoints.sha256(path)
    pooled = PooledNetwork(backbone, backbone.dim)
    record = request.described(
        name=settings.name,
        file={"name": path.name, "sha256": digest},
        layers=pooled.layers,
        preprocessing=_preprocessing(settings.name, digest),
    )
    write(request, out, network=pooled, record=record, libraries=SOURCE.libraries)


def _preprocessing(name: str, digest: str) -> Preprocessing:
    """Return what torchvision's own weights of this SHA-256 were evaluated with; else its first recipe.

    The newer weights of an architecture resize to another length than the first ones. Published file
    names end in the first eight digits of the hash.
    """
    import torchvision

    for weights in torchvision.models.get_model_weights(name):
        if digest[:8] in weights.url:
            resize = weights.transforms().resize_size[0]
            return dataclasses.replace(_IMAGENET, shorter_px=resize)
    return _IMAGENET


def network(record: Provenance) -> PooledNetwork:
    """Return the network of a record, without weights."""
    backbone = networks.build(str(record.name), width=_WIDTH)
    return PooledNetwork(backbone, backbone.dim)


SOURCE = Source(make=make, network=network, libraries=("torch", "torchvision"))
