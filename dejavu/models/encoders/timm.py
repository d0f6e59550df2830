"""Released networks of the timm library, from a file or a Python package; nothing is downloaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models import packaged
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.params.released import TimmModel

PACKAGED = "packaged"
# The packaged file follows another library's names, in the order of timm's; it was trained on
# pixels in [-1, 1], which timm's own entry for this architecture says too.
_PACKAGED_MODEL = "tf_efficientnet_lite0"


def make(request: Request, out: Path) -> None:
    """Verify the weights of a timm network and write its folder (see `dejavu.encoders.make`)."""
    settings = request.settings
    assert isinstance(settings, TimmModel)
    network, dim = _architecture(settings.name)
    path = (
        packaged_file(settings.name)
        if settings.weights == PACKAGED
        else request.machine.data_folder / settings.weights
    )
    state = checkpoints.tensors(checkpoints.read(path), path, what="a state dict of tensors")
    if settings.weights == PACKAGED:
        state = by_order(state, timm.create_model(settings.name, pretrained=False), path)
    backbone = _without_classifier(state, network.pretrained_cfg, settings.name, path)
    checkpoints.load_exactly(network, backbone, path, contents=state)
    pooled = PooledNetwork(network, dim)
    record = request.described(
        name=settings.name,
        file={"name": path.name, "sha256": checkpoints.sha256(path)},
        layers=pooled.layers,
        preprocessing=preprocessing_of(network),
    )
    write(request, out, network=pooled, record=record, libraries=SOURCE.libraries)


def network_of(record: Provenance) -> PooledNetwork:
    """Return the network of a record, without weights."""
    network, dim = _architecture(str(record.name))
    return PooledNetwork(network, dim)


SOURCE = Source(make=make, network=network_of, libraries=("torch", "timm"))


def by_order(state: Mapping[str, Tensor], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Give the tensors of `state` the names of `network`'s, in order.

    Raises:
        WeightsError: numbers or shapes differ somewhere.
    """
    expected = network.state_dict()
    if len(state) != len(expected):
        raise WeightsError(f"{path}: holds {len(state)} tensors, expected {len(expected)}.")
    renamed: dict[str, Tensor] = {}
    for (name, tensor), (own, value) in zip(expected.items(), state.items(), strict=True):
        if tensor.shape != value.shape:
            raise WeightsError(
                f"{path}: tensor {own!r} has shape {tuple(value.shape)}, but in its place {name!r} has "
                f"{tuple(tensor.shape)}."
            )
        renamed[name] = value
    return renamed


def _without_classifier(
    state: Mapping[str, Tensor], config: Mapping[str, Any], name: str, path: Path
) -> dict[str, Tensor]:
    """Drop the classifier that timm's entry says there is.

    Raises:
        WeightsError: there is none: another training of the same architecture, which was made for other
            preprocessing than timm's entry states.
    """
    if not config["num_classes"]:
        return dict(state)
    classifier = config["classifier"]
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    starts = tuple(f"{part}." for part in names)
    rest = {k: v for k, v in state.items() if not k.startswith(starts)}
    if len(rest) == len(state):
        raise WeightsError(
            f"{path}: has no classifier {names[0]!r}, which the weights of timm's {name!r} have; what else "
            f"has this architecture may need other preprocessing.{checkpoints.guess(state)} Of timm's "
            "names, those with a tag say how their weights were trained, e.g. vit_small_patch16_224.dino."
        )
    return rest


def _architecture(name: str) -> tuple[Any, int]:
    if not timm.is_model(name):
        raise ParamsError(f"timm has no model {name!r}.{suggestion(name, timm.list_models())}")
    network = timm.create_model(name, pretrained=False, num_classes=0)
    return network, network.num_features


def packaged_file(name: str) -> Path:
    """Return the weights of network `name` that come in a Python package.

    Raises:
        ParamsError: no package has weights of this network, or it is not installed.
        WeightsError: the file is not the published one.
    """
    if name != _PACKAGED_MODEL:
        raise ParamsError(
            f"weights: packaged comes with {_PACKAGED_MODEL} only, not with {name!r}. "
            "Give the path of a .safetensors or .pth file."
        )
    return packaged.locate(packaged.EFFICIENTNET_LITE0)


def preprocessing_of(network: Any) -> Preprocessing:
    """Return timm's own evaluation preprocessing of a network."""
    config = network.pretrained_cfg
    size = config["input_size"][-1]
    return Preprocessing(
        size_px=size,
        resize="center",
        shorter_px=int(size / config["crop_pct"]),
        resample=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
