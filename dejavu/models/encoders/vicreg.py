"""Released VICReg checkpoints (Bardes et al. 2022): backbone files and full files."""

from collections.abc import Mapping
from pathlib import Path

from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import infer_architecture
from dejavu.models.encoders.released_network import Released, assemble, flat_resnet

# The last linear map is neither normalized nor given a bias; Barlow Twins has no bias at all.
PROJECTOR = "(LBa)+l"


def load(path: Path) -> Released:
    """Read a backbone file (a flat state dict) or a full file (``epoch``, ``model``, ``optimizer``).

    Tensors are found by name: the order of the released file is not that of its script.

    Raises:
        WeightsError: the file has another layout, or keys are missing or left over.
    """
    contents = checkpoints.read(path)
    if not (isinstance(contents, Mapping) and isinstance(contents.get("model"), Mapping)):
        return flat_resnet(contents, path)
    state = checkpoints.tensors(contents["model"], path, what="tensors under 'model'")
    state = checkpoints.without_prefix(state, "module.")
    backbone, projector = checkpoints.split(
        state, path, ("backbone.", "projector."), contents=contents
    )
    described = infer_architecture.resnet(backbone, path, contents=contents)
    head = infer_architecture.mlp(
        projector, path, n_in=described["stages"][-1][-1][2], structure=PROJECTOR,
        activation="relu", contents=contents,
    )  # fmt: skip
    return assemble(
        "VICReg full checkpoint", path, contents=contents, backbone=(described, backbone),
        projector=(head, projector),
    )  # fmt: skip
