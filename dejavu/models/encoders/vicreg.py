"""Released VICReg checkpoints (Bardes et al. 2022): backbone files and full files."""

from pathlib import Path

from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import infer_architecture, released
from dejavu.models.encoders.released_network import Released, assemble, flat_resnet
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.source import TrainingInputs
from dejavu.params.released import VicregModel
from dejavu.run import outside

# The last linear map is neither normalized nor given a bias; Barlow Twins has no bias at all.
PROJECTOR = "(LBa)+l"


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify a released checkpoint and write its folder (see `dejavu.models.encoders.make`).

    Raises:
        WeightsError: the file is missing, of another source, or lacks a layer asked for.
    """
    entry = settings.entry
    assert isinstance(entry, VicregModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    released.write_folder(settings, out, load(path), path, resample="bilinear")


def load(path: Path) -> Released:
    """Read a backbone file (a flat state dict) or a full file (``epoch``, ``model``, ``optimizer``).

    Tensors are found by name: the order of the released file is not that of its script.

    Raises:
        WeightsError: the file has another layout, or keys are missing or left over.
    """
    contents = checkpoints.read(path)
    state = unwrapped(contents, path, what="a flat state dict, or tensors under 'model'")
    if not any(name.startswith(("backbone.", "projector.")) for name in state):
        return flat_resnet(contents, path)
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


SOURCE = Source(make=make, network=released.network, libraries=released.LIBRARIES)
