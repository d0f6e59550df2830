"""Make encoder folders from released checkpoints: what VICReg, Barlow Twins and DINO have in common."""

import json
from pathlib import Path

from torch import nn

from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import pooled, released_network
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.released_network import Released
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import write
from dejavu.models.pixels import Resample
from dejavu.models.provenance import Provenance
from dejavu.params.released import PublishedModel

LIBRARIES = ("torch", "torchvision", "timm")  # ResNets are torchvision's, ViTs are timm's
INPUT_PX = 224  # of every released ResNet; a ViT's follows from its position embeddings
CUT_SHARE = 0.875  # side of the central square over the shorter side: 224 of 256


def write_folder(
    settings: EncoderSettings, out: Path, released: Released, path: Path, *, resample: Resample
) -> None:
    """Write the folder of a released checkpoint (see `dejavu.models.encoders.make`).

    Args:
        settings: what was asked for.
        out: the folder to make.
        released: what was read from the file.
        path: the file.
        resample: how the evaluation of the released code resizes.

    Raises:
        ParamsError: the network has no such module.
        WeightsError: the file is of another publisher, or lacks a layer asked for.
    """
    entry = settings.entry
    assert isinstance(entry, PublishedModel)
    layers = entry.layers
    released_network.require_publisher(path, settings.entry.source)
    kept = released_network.with_layers(released, layers, path, entry.modules)
    seen = _preprocessing(kept, resample)
    there = released_network.lengths(kept.network, seen.size_px) if entry.modules else kept.layers
    record = settings.described(
        file={"name": path.name, "sha256": checkpoints.sha256(path), "kind": kept.kind},
        layers={layer: there[layer] for layer in layers},
        architecture=json.dumps(kept.architecture, sort_keys=True),
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    write(settings, out, network=kept.network, record=record, libraries=LIBRARIES)


def network(record: Provenance) -> nn.Module:
    """Return the network of a record, without weights."""
    return released_network.build(json.loads(str(record.architecture)), pooled.modules_of(record))


def _preprocessing(released: Released, resample: Resample) -> Preprocessing:
    """Return the evaluation preprocessing of the released code."""
    size = released.architecture["backbone"].get("img_size", INPUT_PX)
    return Preprocessing(
        size_px=size,
        resize="center",
        shorter_px=round(size / CUT_SHARE),
        resample=resample,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
