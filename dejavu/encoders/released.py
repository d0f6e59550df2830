"""What a released checkpoint file holds, once read: a backbone, perhaps its projector, its preprocessing."""

import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from torch import nn

from dejavu.encoders import checkpoints, inferred
from dejavu.encoders.networks import Backbone
from dejavu.errors import WeightsError

RESNET_INPUT_PX = 224  # side of the square that the released networks were trained and evaluated on
_PUBLISHERS = {"vicreg": "vicreg", "barlowtwins": "barlow_twins", "dino": "dino"}


@dataclasses.dataclass(frozen=True, slots=True)
class Released:
    """A network from a file, with weights loaded, and what kind of file it was."""

    backbone: Backbone
    projector: nn.Module | None
    projector_dim: int | None
    kind: str
    input_px: int = RESNET_INPUT_PX

    @property
    def layers(self) -> dict[str, int]:
        """Return the length of the vectors of each layer that the file has."""
        layers = {"backbone": self.backbone.dim}
        return layers if self.projector_dim is None else {"projector": self.projector_dim, **layers}


def flat_resnet(contents: Any, path: Path) -> Released:
    """Read a flat ResNet backbone; VICReg, Barlow Twins and DINO release it under the same names.

    Whose training it is does not show in the file; the same file gives the same vectors whichever of these
    sources names it.

    Raises:
        WeightsError: the file is another one, e.g. with a classifier or a projector.
    """
    state = checkpoints.tensors(contents, path, what="a flat state dict of a ResNet")
    backbone = inferred.resnet(state, path, contents=contents)
    checkpoints.load_exactly(backbone.body, state, path, contents=contents)
    return Released(backbone, None, None, kind="ResNet backbone file")


def require_layers(released: Released, layers: tuple[str, ...], path: Path) -> None:
    """Check that the file has the layers asked for.

    Raises:
        WeightsError: a layer is missing; a backbone never gets the projector of another file.
    """
    missing = [layer for layer in layers if layer not in released.layers]
    if "projector" in missing:
        raise WeightsError(
            f"{path}: a {released.kind} has no projector. Take the full checkpoint, which has both: a "
            "projector of another file belongs to another training, though its shapes agree."
        )
    if missing:
        raise WeightsError(
            f"{path}: a {released.kind} has no layer {missing[0]!r}, only {list(released.layers)}."
        )


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
