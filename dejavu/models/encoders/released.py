"""Make encoder folders from released checkpoints (VICReg, Barlow Twins, DINO) and from other folders."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from dejavu.errors import ParamsError, suggestion
from dejavu.models import folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import barlow_twins, dino, released_network, vicreg
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.released_network import Released
from dejavu.models.encoders.request import Request
from dejavu.params.released import BarlowTwinsModel, DinoModel, FileModel, VicregModel

INPUT_PX = 224  # of every released ResNet; a ViT's follows from its position embeddings
CUT_SHARE = 0.875  # side of the central square over the shorter side: 224 of 256


def make(request: Request, out: Path) -> None:
    """Verify a released checkpoint and write its folder (see `dejavu.encoders.make`).

    Raises:
        WeightsError: the file is missing, of another source, or lacks a layer asked for.
    """
    settings = request.settings
    assert isinstance(settings, VicregModel | BarlowTwinsModel | DinoModel)
    path = request.machine.data_folder / settings.weights
    released_network.require_publisher(path, settings.source)
    found = released_network.with_layers(_read(settings, path), settings.layers, path)
    facts = {
        **request.described(),
        "file": {"name": path.name, "sha256": checkpoints.sha256(path), "kind": found.kind},
        "layers": {layer: found.layers[layer] for layer in settings.layers},
        "architecture": json.dumps(found.architecture, sort_keys=True),
        "preprocessing": _preprocessing(settings.source, found).as_dict(),
    }
    folder.write(out, found.network, facts, {})


def of_provenance(facts: Mapping[str, Any]) -> nn.Module:
    """Return the network that `facts` describe, without weights."""
    return released_network.build(json.loads(facts["architecture"]))


def adopt(request: Request, out: Path) -> None:
    """Take over a folder that stage ``encoder`` wrote elsewhere, after checking its hash and keys.

    Raises:
        ArtifactError: there is no such folder.
        WeightsError: its weights are not those of its provenance.
        ParamsError: it lacks a layer asked for.
    """
    settings = request.settings
    assert isinstance(settings, FileModel)
    path = request.machine.data_folder / settings.weights
    origin = folder.provenance(path)
    there = origin["layers"]
    if missing := [layer for layer in settings.layers if layer not in there]:
        raise ParamsError(
            f"image.models.{request.model}.layers: {path} has no layer {missing[0]!r}."
            f"{suggestion(missing[0], there)}"
        )
    facts = {
        **request.described(),
        "origin": origin,
        "file": {"name": path.name, "sha256": origin["weights_sha256"], "kind": "encoder folder"},
        "layers": {layer: there[layer] for layer in settings.layers},
        "preprocessing": origin["preprocessing"],
    }
    network = of_origin(facts)
    folder.load_weights(path, network)
    folder.write(out, network, facts, {})


def of_origin(facts: Mapping[str, Any]) -> nn.Module:
    """Return the network of an adopted folder, without weights."""
    from dejavu.models import encoders

    return encoders.network_of(facts["origin"])


def _read(settings: VicregModel | BarlowTwinsModel | DinoModel, path: Path) -> Released:
    if isinstance(settings, DinoModel):
        return dino.load(path, network=settings.network)
    loaders: dict[str, Callable[[Path], Released]] = {
        "vicreg": vicreg.load, "barlow_twins": barlow_twins.load,
    }  # fmt: skip
    return loaders[settings.source](path)


def _preprocessing(source: str, found: Released) -> Preprocessing:
    """Return the evaluation preprocessing of the released code: DINO resizes bicubically."""
    size = found.architecture["backbone"].get("img_size", INPUT_PX)
    return Preprocessing(
        size_px=size,
        resize="center",
        shorter_px=round(size / CUT_SHARE),
        resample="bicubic" if source == "dino" else "bilinear",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
