"""Networks of libraries, or of a known family, with weights from any training: nothing is guessed.

The entry names what the file does not show: the architecture, where its tensors lie in the file, which
tensors are no part of it, and how it sees images.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import infer_architecture, pooled
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.params.released import StateDictModel

LIBRARIES = ("torch", "torchvision", "timm")
_FAMILIES = ("resnet", "vit")


def make(request: Request, out: Path) -> None:
    """Load the weights into the network that the entry names, and write its folder.

    Raises:
        ParamsError: there is no such architecture.
        WeightsError: the weights are missing, damaged, or not all of them have a place.
    """
    settings = request.settings
    assert isinstance(settings, StateDictModel)
    path = request.machine.data_folder / settings.weights
    contents = checkpoints.read(path)
    state = unwrapped(
        contents, path, what="a state dict of tensors", state_dict=settings.state_dict,
        prefix=settings.prefix,
    )  # fmt: skip
    state = without(state, settings.ignore, path)
    description = _described(settings, state, path, contents)
    network = _build(description)
    checkpoints.load_exactly(network, state, path, contents=contents, refusing="state_dict")
    seen = Preprocessing.stated(settings.preprocessing)
    made = pooled.measured(network, seen.size_px, settings.modules)
    record = request.described(
        name=settings.architecture,
        architecture=json.dumps(description, sort_keys=True),
        file={"name": path.name, "sha256": checkpoints.sha256(path)},
        layers=made.layers,
        modules=pooled.described(settings.modules),
        preprocessing=seen,
    )
    write(request, out, network=made, record=record, libraries=LIBRARIES)


def network(record: Provenance) -> PooledNetwork:
    """Return the network of a record, without weights."""
    return pooled.of_record(_build(json.loads(str(record.architecture))), record)


SOURCE = Source(make=make, network=network, libraries=LIBRARIES)


def without(state: Mapping[str, Tensor], ignore: tuple[str, ...], path: Path) -> dict[str, Tensor]:
    """Leave out tensors that an entry says are no part of the network.

    Raises:
        WeightsError: there are no tensors of such names, or no others.
    """
    for start in ignore:
        if not any(name.startswith(start) for name in state):
            raise WeightsError(
                f"{path}: ignore names {start!r}, which no tensor's name starts with."
            )
    rest = {k: v for k, v in state.items() if not k.startswith(tuple(ignore))} if ignore else state
    if not rest:
        raise WeightsError(f"{path}: ignore leaves no tensor.")
    return dict(rest)


def _described(
    settings: StateDictModel, state: Mapping[str, Tensor], path: Path, contents: Any
) -> dict[str, Any]:
    """Return a plain description from which the network is built."""
    library, _, name = settings.architecture.partition(":")
    if settings.architecture == "resnet":
        return infer_architecture.resnet(state, path, contents=contents, refusing="state_dict")
    if settings.architecture == "vit":
        return infer_architecture.vit(
            state, path, num_heads=settings.num_heads, contents=contents, refusing="state_dict"
        )
    if library not in ("timm", "torchvision") or not name:
        raise ParamsError(
            f"architecture {settings.architecture!r}: expected timm:<name>, torchvision:<name>, "
            f"{' or '.join(_FAMILIES)}. A network of your own class: source: factory."
        )
    return {"library": library, "name": name, "arguments": dict(settings.arguments)}


def _build(description: Mapping[str, Any]) -> nn.Module:
    if "family" in description:
        body: nn.Module = infer_architecture.build(dict(description)).body
        return body
    name, arguments = description["name"], description["arguments"]
    if description["library"] == "timm":
        from dejavu.models.encoders import timm

        made: nn.Module = timm.architecture(name, arguments)
        return made
    from dejavu.models.encoders import torchvision

    return torchvision.architecture(name, arguments)[0]
