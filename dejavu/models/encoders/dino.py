"""Released DINO checkpoints (Caron et al. 2021): ResNet-50 and ViT, backbone files and full files.

"Projector" means the head up to its bottleneck (256 numbers in the released files), before normalization and
prototypes: the layer that the one-model test's authors take. The prototypes are accounted for and dropped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.load import State
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import infer_architecture, released
from dejavu.models.encoders.infer_architecture import Description
from dejavu.models.encoders.released_network import Released, assemble, flat_resnet
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.source import TrainingInputs
from dejavu.params.released import DinoModel
from dejavu.run import outside

# The released ResNet-50 head has two maps with a batch norm, the ViT heads three without; all have biases.
PROJECTOR = "(LB?a)*L"
_PROTOTYPES = (
    {"weight"},
    {"weight_g", "weight_v"},
    {"parametrizations.weight.original0", "parametrizations.weight.original1"},
)


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify a released checkpoint and write its folder (see `dejavu.models.encoders.make`).

    Raises:
        WeightsError: the file is missing, of another source, or lacks a layer asked for.
    """
    entry = settings.entry
    assert isinstance(entry, DinoModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    released.write_folder(
        settings,
        out,
        load(path, network=entry.network, num_heads=entry.num_heads),
        path,
        resample="bicubic",
    )


def load(
    path: Path, *, network: Literal["student", "teacher"], num_heads: int | None = None
) -> Released:
    """Read a flat backbone, or one of the two networks of a full file.

    Names may start with ``module.`` or not: the teacher of a ViT does not, the student does.

    Args:
        path: the file.
        network: ``teacher`` (what DINO's own evaluation takes) or ``student``; a backbone file holds
            the teacher's.
        num_heads: of a ViT, whose shapes do not show it.

    Raises:
        WeightsError: the file has another layout, or keys are missing or left over.
    """
    contents = checkpoints.read(path)
    if not (isinstance(contents, Mapping) and {"student", "teacher"} & set(contents)):
        return _backbone_file(contents, path, network, num_heads)
    if network not in contents:
        raise WeightsError(f"{path}: holds no {network!r}, only {sorted(map(str, contents))}.")
    state = checkpoints.tensors(contents[network], path, what=f"tensors under {network!r}")
    state = unwrapped(state, path, what=f"tensors under {network!r}")
    backbone, head = checkpoints.split(state, path, ("backbone.", "head."), contents=contents)
    described = _backbone(backbone, path, contents, num_heads)
    n_in = described.get("embed_dim") or described["stages"][-1][-1][2]
    maps, projector = _projector(head, path, n_in, contents)
    return assemble(
        f"DINO full checkpoint, {network}", path, contents=contents,
        backbone=(described, backbone), projector=(projector, maps),
    )  # fmt: skip


def _backbone_file(contents: Any, path: Path, network: str, num_heads: int | None) -> Released:
    if network != "teacher":
        raise WeightsError(
            f"{path}: expected a full checkpoint with a {network!r}; a backbone file holds the teacher: set "
            "network: teacher."
            f"{checkpoints.guess(contents, refusing='dino')}"
        )
    state = unwrapped(contents, path, what="a flat state dict or a full DINO checkpoint")
    if "cls_token" not in state:
        return flat_resnet(contents, path)
    described = _backbone(state, path, contents, num_heads)
    return assemble("DINO ViT backbone file", path, contents=contents, backbone=(described, state))


def _backbone(state: State, path: Path, contents: Any, num_heads: int | None) -> Description:
    if "cls_token" in state:
        return infer_architecture.vit(state, path, num_heads=num_heads, contents=contents)
    return infer_architecture.resnet(state, path, contents=contents)


def _projector(head: State, path: Path, n_in: int, contents: Any) -> tuple[State, Description]:
    maps, prototypes = checkpoints.split(head, path, ("mlp.", "last_layer."), contents=contents)
    if set(maps) == {"weight", "bias"}:  # a head of one map is no sequence
        maps = {f"0.{name}": value for name, value in maps.items()}
    projector = infer_architecture.mlp(
        maps, path, n_in=n_in, structure=PROJECTOR, activation="gelu", contents=contents
    )
    _account_for_prototypes(prototypes, path, projector["widths"][-1])
    return maps, projector


def _account_for_prototypes(prototypes: Mapping[str, Tensor], path: Path, dim: int) -> None:
    """Check that ``last_layer`` is what follows the bottleneck: plain or weight-normalized, no bias."""
    widest = max((tuple(v.shape) for v in prototypes.values()), key=lambda shape: shape[-1:])
    if set(prototypes) not in _PROTOTYPES or widest[-1:] != (dim,):
        raise WeightsError(
            f"{path}: the head's last_layer holds {sorted(prototypes)} of width {widest[-1:]}, expected "
            f"one linear map without bias from {dim} numbers, plain or weight-normalized."
        )


SOURCE = Source(make=make, network=released.network, libraries=released.LIBRARIES)
