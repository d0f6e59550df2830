"""Released Barlow Twins checkpoints (Zbontar et al. 2021): three layouts of three trainings.

The backbone that the project's hub entry downloads, the full checkpoint, and VISSL's checkpoint come from
different trainings with equal shapes. Backbone and projector are therefore only ever taken from one file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.load import State
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import infer_architecture, released
from dejavu.models.encoders.released_network import Released, assemble, flat_resnet
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.source import TrainingInputs
from dejavu.params.released import BarlowTwinsModel
from dejavu.run import outside

PROJECTOR = "(lBa)+l"  # three linear maps without any bias
_LOSS = "bn."  # the running statistics of the loss; no part of the embedding


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify a released checkpoint and write its folder (see `dejavu.models.encoders.make`).

    Raises:
        WeightsError: the file is missing, of another source, or lacks a layer asked for.
    """
    entry = settings.entry
    assert isinstance(entry, BarlowTwinsModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    released.write_folder(settings, out, load(path), path, resample="bilinear")


def load(path: Path) -> Released:
    """Read a flat backbone, a full file (``epoch``, ``model``, ``optimizer``), or one of VISSL.

    Raises:
        WeightsError: the file has another layout, or keys are missing or left over.
    """
    contents = checkpoints.read(path)
    if isinstance(contents, Mapping) and "classy_state_dict" in contents:
        return _vissl(contents, path)
    state = unwrapped(contents, path, what="a flat state dict, or tensors under 'model'")
    if not any(name.startswith(("backbone.", "projector.")) for name in state):
        return flat_resnet(contents, path)
    backbone, projector, loss = checkpoints.split(
        state, path, ("backbone.", "projector.", _LOSS), contents=contents
    )
    if "running_mean" not in loss:
        raise WeightsError(
            f"{path}: expected the loss's statistics 'bn.running_mean', found none."
            f"{checkpoints.guess(contents)}"
        )
    return _network(backbone, projector, path, contents, kind="Barlow Twins full checkpoint")


def _vissl(contents: Mapping[str, Any], path: Path) -> Released:
    try:
        model = contents["classy_state_dict"]["base_model"]["model"]
        trunk, heads = model["trunk"], model["heads"]
    except (KeyError, TypeError):
        raise WeightsError(
            f"{path}: expected classy_state_dict.base_model.model with trunk and heads, as VISSL writes."
        ) from None
    trunk = checkpoints.tensors(trunk, path, what="tensors under 'trunk'")
    heads = checkpoints.tensors(heads, path, what="tensors under 'heads'")
    (backbone,) = checkpoints.split(trunk, path, ("_feature_blocks.",), contents=contents)
    projector = {_place(name, path): value for name, value in heads.items()}
    return _network(backbone, projector, path, contents, kind="Barlow Twins checkpoint of VISSL")


def _place(name: str, path: Path) -> str:
    """Translate ``1.clf.0.weight`` (linear, norm, activation per head) to its place ``3.weight``."""
    head, clf, slot, parameter = (name.split(".") + [""] * 4)[:4]
    if not (head.isdigit() and clf == "clf" and slot.isdigit()):
        raise WeightsError(f"{path}: expected heads named '0.clf.0.weight', found {name!r}.")
    return f"{3 * int(head) + int(slot)}.{parameter}"


def _network(
    backbone: State, projector: State, path: Path, contents: Any, *, kind: str
) -> Released:
    described = infer_architecture.resnet(backbone, path, contents=contents)
    head = infer_architecture.mlp(
        projector, path, n_in=described["stages"][-1][-1][2], structure=PROJECTOR,
        activation="relu", contents=contents,
    )  # fmt: skip
    return assemble(
        kind, path, contents=contents, backbone=(described, backbone), projector=(head, projector)
    )


SOURCE = Source(make=make, network=released.network, libraries=released.LIBRARIES)
