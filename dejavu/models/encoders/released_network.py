"""What a released checkpoint file holds, once read: a backbone and perhaps its projector."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.load import State
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import infer_architecture
from dejavu.models.encoders.infer_architecture import Description
from dejavu.models.encoders.networks import Backbone
from dejavu.models.encoders.pooled import Watch
from dejavu.params.networks import ModuleLayer

PROJECTOR = "projector."  # before the names of its modules
_PUBLISHERS = {"vicreg": "vicreg", "barlowtwins": "barlow_twins", "dino": "dino"}


class ReleasedNetwork(nn.Module):
    """A backbone, and the projector that was trained with it where the file has one.

    Modules inside may be layers, too: those of the backbone by the names that its library gives them, those
    of the projector behind ``projector.``.
    """

    def __init__(
        self,
        backbone: Backbone,
        projector: nn.Module | None,
        modules: Mapping[str, ModuleLayer] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = projector
        inside = dict(backbone.body.named_modules())
        if projector is not None:
            inside |= {f"{PROJECTOR}{name}": each for name, each in projector.named_modules()}
        self._watch = Watch(inside, modules)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, "n _"]]:
        """Return the vectors of each layer for normalized images."""
        self._watch.forget()
        found = {"backbone": self.backbone(images)}
        if self.projector is not None:
            found = {"projector": self.projector(found["backbone"]), **found}
        return {**found, **self._watch.seen()}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A network from a file, with weights loaded; what kind of file it was; how to build it again."""

    kind: str
    network: ReleasedNetwork
    architecture: dict[str, Description]  # of `backbone` and, if there is one, `projector`

    @property
    def layers(self) -> dict[str, int]:
        """Return the length of the vectors of each layer that the file has."""
        layers = {"backbone": self.network.backbone.dim}
        if "projector" in self.architecture:
            layers = {"projector": self.architecture["projector"]["widths"][-1], **layers}
        return layers


def assemble(
    kind: str, path: Path, *, contents: Any, **parts: tuple[Description, State]
) -> Released:
    """Build the parts of a network and load each of them, key by key.

    Args:
        kind: what kind of file it is.
        path: the file.
        contents: what the file holds, from which a misfit guesses the right source.
        **parts: ``backbone`` and perhaps ``projector``: its description and its tensors.

    Raises:
        WeightsError: keys are missing or left over, or shapes differ.
    """
    architecture = {name: description for name, (description, _) in parts.items()}
    network = build(architecture)
    checkpoints.load_exactly(network.backbone.body, parts["backbone"][1], path, contents=contents)
    if network.projector is not None:
        checkpoints.load_exactly(network.projector, parts["projector"][1], path, contents=contents)
    return Released(kind=kind, network=network.eval(), architecture=architecture)


def build(
    architecture: dict[str, Description], modules: Mapping[str, ModuleLayer] | None = None
) -> ReleasedNetwork:
    """Make the untrained network of a backbone and perhaps a projector, with some modules as layers."""
    head = architecture.get("projector")
    return ReleasedNetwork(
        infer_architecture.build(architecture["backbone"]),
        None if head is None else infer_architecture.build(head),
        modules,
    )


def flat_resnet(contents: Any, path: Path) -> Released:
    """Read a flat ResNet backbone; VICReg, Barlow Twins and DINO release it under the same names.

    Whose training it is does not show in the file; the same file gives the same network whichever of
    these sources names it.

    Raises:
        WeightsError: the file is another one, e.g. with a classifier or a projector.
    """
    state = unwrapped(contents, path, what="a flat state dict of a ResNet")
    described = infer_architecture.resnet(state, path, contents=contents)
    return assemble("ResNet backbone file", path, contents=contents, backbone=(described, state))


def with_layers(
    released: Released,
    layers: tuple[str, ...],
    path: Path,
    modules: Mapping[str, ModuleLayer] | None = None,
) -> Released:
    """Keep what the layers asked for need; a backbone never gets the projector of another file.

    Args:
        released: what was read.
        layers: asked for.
        path: the file.
        modules: layers that are modules inside.

    Raises:
        ParamsError: there is no such module.
        WeightsError: the file lacks a layer.
    """
    inside = modules or {}
    missing = [layer for layer in layers if layer not in {**released.layers, **inside}]
    if "projector" in missing:
        raise WeightsError(
            f"{path}: a {released.kind} has no projector. Take the full checkpoint, which has both: a "
            "projector of another file belongs to another training, though its shapes agree."
        )
    if missing:
        raise WeightsError(
            f"{path}: a {released.kind} has no layer {missing[0]!r}, only {list(released.layers)}."
        )
    architecture, projector = released.architecture, released.network.projector
    in_projector = any(each.module.startswith(PROJECTOR) for each in inside.values())
    if "projector" not in layers and not in_projector:
        architecture, projector = {"backbone": architecture["backbone"]}, None
    network = ReleasedNetwork(released.network.backbone, projector, modules).eval()
    return dataclasses.replace(released, network=network, architecture=architecture)


def lengths(network: ReleasedNetwork, size_px: int) -> dict[str, int]:
    """Return the length of the vectors of each layer, as one pass over black images shows them.

    Raises:
        ParamsError: the output of a module cannot be pooled as stated.
    """
    with torch.inference_mode():
        found = network(torch.zeros(2, 3, size_px, size_px))
    return {layer: int(vectors.shape[1]) for layer, vectors in found.items()}


def require_publisher(path: Path, source: str) -> None:
    """Check a downloaded file's record against `source`: backbone files do not say whose they are.

    Raises:
        WeightsError: `dejavu fetch` recorded that the file comes from another project.
    """
    record = path.with_name(path.name + ".json")
    if not record.is_file():
        return
    url = json.loads(record.read_text(encoding="utf-8")).get("url", "")
    publisher = _PUBLISHERS.get(urlsplit(url).path.strip("/").partition("/")[0])
    if publisher not in (None, source):
        raise WeightsError(f"{path}: was downloaded from {url}: set source: {publisher}.")
