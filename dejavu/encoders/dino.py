"""Released DINO checkpoints (Caron et al. 2021): ResNet-50 and ViT, backbone files and full files.

"Projector" means the head up to its bottleneck (256 numbers in the released files), before normalization and
prototypes: the layer that the one-model test's authors take. The prototypes are accounted for and dropped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from dejavu.encoders import checkpoints, inferred
from dejavu.encoders.checkpoints import State
from dejavu.encoders.networks import Backbone
from dejavu.encoders.released import RESNET_INPUT_PX, Released, flat_resnet
from dejavu.errors import WeightsError

# The released ResNet-50 head has two maps with a batch norm, the ViT heads three without; all have biases.
PROJECTOR = "(LB?a)*L"
_PROTOTYPES = (
    {"weight"},
    {"weight_g", "weight_v"},
    {"parametrizations.weight.original0", "parametrizations.weight.original1"},
)


def load(path: Path, *, network: Literal["student", "teacher"]) -> Released:
    """Read a flat backbone, or one of the two networks of a full file.

    Names may start with ``module.`` or not: the teacher of a ViT does not, the student does.

    Args:
        path: the file.
        network: ``teacher`` (what DINO's own evaluation takes) or ``student``; a backbone file holds
            the teacher's.

    Raises:
        WeightsError: the file has another layout, or keys are missing or left over.
    """
    contents = checkpoints.read(path)
    if not (isinstance(contents, Mapping) and {"student", "teacher"} & set(contents)):
        return _backbone_file(contents, path, network)
    if network not in contents:
        raise WeightsError(f"{path}: holds no {network!r}, only {sorted(map(str, contents))}.")
    state = checkpoints.tensors(contents[network], path, what=f"tensors under {network!r}")
    state = checkpoints.without_prefix(state, "module.")
    backbone, head = checkpoints.split(state, path, ("backbone.", "head."), contents=contents)
    body, input_px = _backbone(backbone, path, contents)
    projector, dim = _projector(head, path, body.dim, contents)
    kind = f"DINO full checkpoint, {network}"
    return Released(body, projector, dim, kind=kind, input_px=input_px)


def _backbone_file(contents: Any, path: Path, network: str) -> Released:
    if network != "teacher":
        raise WeightsError(
            f"{path}: no full checkpoint; a backbone file holds the teacher: set network: teacher."
            f"{checkpoints.guess(contents)}"
        )
    state = checkpoints.tensors(contents, path, what="a flat state dict or a full DINO checkpoint")
    if "cls_token" not in state:
        return flat_resnet(contents, path)
    body, input_px = _backbone(state, path, contents)
    return Released(body, None, None, kind="DINO ViT backbone file", input_px=input_px)


def _backbone(state: State, path: Path, contents: Any) -> tuple[Backbone, int]:
    if "cls_token" in state:
        backbone, input_px = inferred.vit(state, path, contents=contents)
    else:
        backbone, input_px = inferred.resnet(state, path, contents=contents), RESNET_INPUT_PX
    checkpoints.load_exactly(backbone.body, state, path, contents=contents)
    return backbone, input_px


def _projector(head: State, path: Path, n_in: int, contents: Any) -> tuple[nn.Module, int]:
    maps, prototypes = checkpoints.split(head, path, ("mlp.", "last_layer."), contents=contents)
    if set(maps) == {"weight", "bias"}:  # a head of one map is no sequence
        maps = {f"0.{name}": value for name, value in maps.items()}
    projector, dim = inferred.mlp(
        maps, path, n_in=n_in, structure=PROJECTOR, activation=nn.GELU, contents=contents
    )
    _account_for_prototypes(prototypes, path, dim)
    checkpoints.load_exactly(projector, maps, path, contents=contents)
    return projector, dim


def _account_for_prototypes(prototypes: Mapping[str, Tensor], path: Path, dim: int) -> None:
    """Check that ``last_layer`` is what follows the bottleneck: plain or weight-normalized, no bias."""
    widest = max((tuple(v.shape) for v in prototypes.values()), key=lambda shape: shape[-1:])
    if set(prototypes) not in _PROTOTYPES or widest[-1:] != (dim,):
        raise WeightsError(
            f"{path}: the head's last_layer holds {sorted(prototypes)} of width {widest[-1:]}, expected "
            f"one linear map without bias from {dim} numbers, plain or weight-normalized."
        )
