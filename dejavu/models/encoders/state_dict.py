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
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import StateDictModel
from dejavu.run import outside

LIBRARIES = ("torch", "torchvision", "timm")
_FAMILIES = ("resnet", "vit")


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Load the weights into the network that the entry names, and write its folder.

    Raises:
        ParamsError: there is no such architecture.
        WeightsError: the weights are missing, damaged, or not all of them have a place.
    """
    entry = settings.entry
    assert isinstance(entry, StateDictModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    contents = checkpoints.read(path)
    state = unwrapped(
        contents, path, what="a state dict of tensors", state_dict=entry.state_dict,
        prefix=entry.prefix,
    )  # fmt: skip
    rest = without(state, entry.ignore, path)
    description = _described(entry, rest, path, contents)
    network = _build(description)
    if description.get("library") == "timm":
        from dejavu.models.encoders import timm_names

        state = timm_names.renamed(state, network, description["name"], entry.ignore)
        rest = {k: v for k, v in state.items() if not k.startswith(entry.ignore)}
    checkpoints.load_exactly(network, rest, path, contents=contents, refusing="state_dict")
    seen = Preprocessing.stated(entry.preprocessing)
    made = pooled.measured(network, seen.size_px, entry.modules)
    record = settings.described(
        name=entry.architecture,
        architecture=json.dumps(description, sort_keys=True),
        file={"name": path.name, "sha256": checkpoints.sha256(path)},
        layers=made.layers,
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    write(settings, out, network=made, record=record, libraries=LIBRARIES)


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
    entry: StateDictModel, state: Mapping[str, Tensor], path: Path, contents: Any
) -> dict[str, Any]:
    """Return a plain description from which the network is built."""
    library, _, name = entry.architecture.partition(":")
    if entry.architecture == "resnet":
        return infer_architecture.resnet(state, path, contents=contents, refusing="state_dict")
    if entry.architecture == "vit":
        return infer_architecture.vit(
            state, path, num_heads=entry.num_heads, contents=contents, refusing="state_dict"
        )
    if library not in ("timm", "torchvision") or not name:
        raise ParamsError(
            f"architecture {entry.architecture!r}: expected timm:<name>, torchvision:<name>, "
            f"{' or '.join(_FAMILIES)}. A network of your own class: source: factory."
        )
    return {"library": library, "name": name, "arguments": dict(entry.arguments)}


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
