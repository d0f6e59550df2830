"""Released classifiers of torchvision, from a file; nothing is downloaded.

The vectors are what goes into the last linear map. How a network sees images is read from torchvision's own
record of the weights with this SHA-256; of any other file the entry says it, unless all weights that
torchvision publishes of the architecture agree.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torchvision
from torch import nn

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import pooled
from dejavu.models.encoders.networks import seeded
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import TorchvisionModel
from dejavu.run import outside

# Ported from TensorFlow: torchvision builds its weights of them with transform_input, which turns pixels of
# the usual mean and std into these, and does not show in the tensors.
_PORTED = ("googlenet", "inception_v3")
_HALVES = (0.5, 0.5, 0.5)
_CLASSIFIERS = ("fc", "classifier", "head", "heads")  # the attribute that ends in the classes


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify the weights of a torchvision network and write its folder.

    Raises:
        ParamsError: torchvision has no such classifier, or how it sees images is not said.
        WeightsError: the weights are missing, damaged, of another network, or without a classifier.
    """
    entry = settings.entry
    assert isinstance(entry, TorchvisionModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    network, dropped = architecture(entry.name)
    state = unwrapped(
        checkpoints.read(path), path, what="a state dict of tensors", state_dict=entry.state_dict,
        prefix=entry.prefix,
    )  # fmt: skip
    rest = {k: v for k, v in state.items() if not k.startswith(dropped + ".")}
    if len(rest) == len(state) and entry.preprocessing is None:
        raise WeightsError(
            f"{path}: has no classifier {dropped!r}, which torchvision's files have."
            f"{checkpoints.guess(state, refusing='torchvision')} Of a network without one, state "
            "preprocessing in this entry."
        )
    checkpoints.load_exactly(network, rest, path, contents=state, refusing="torchvision")
    digest = checkpoints.sha256(path)
    seen = (
        _preprocessing(entry.name, digest)
        if entry.preprocessing is None
        else Preprocessing.stated(entry.preprocessing)
    )
    made = pooled.measured(network, seen.size_px, entry.modules)
    record = settings.described(
        name=entry.name,
        file={"name": path.name, "sha256": digest},
        layers=made.layers,
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    write(settings, out, network=made, record=record, libraries=SOURCE.libraries)


def architecture(name: str, arguments: Mapping[str, Any] | None = None) -> tuple[nn.Module, str]:
    """Return a classifier of torchvision without its last map, and the name of that map.

    Raises:
        ParamsError: torchvision has no such classifier.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ParamsError(f"torchvision has no classifier {name!r}.{suggestion(name, known)}")
    try:
        made = seeded(0, lambda: _network(name, arguments or {}))
    except (TypeError, ValueError) as error:
        raise ParamsError(f"torchvision cannot make {name!r} with {arguments} ({error}).") from None
    attribute = next((each for each in _CLASSIFIERS if hasattr(made, each)), None)
    if attribute is None:
        raise ParamsError(
            f"{name!r} of torchvision has no classifier to leave out; use source: factory."
        )
    last = getattr(made, attribute)
    if isinstance(last, nn.Sequential):
        place = max((i for i, part in enumerate(last) if isinstance(part, nn.Linear)), default=None)
        if place is None:
            raise ParamsError(
                f"{name!r} of torchvision ends in no linear map; use source: factory."
            )
        dropped = f"{attribute}.{list(dict(last.named_children()))[place]}"
        last[place] = nn.Identity()
        return made, dropped
    setattr(made, attribute, nn.Identity())
    return made, attribute


def _network(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    more = {"init_weights": False} if name in _PORTED else {}
    made: nn.Module = torchvision.models.get_model(name, weights=None, **{**more, **arguments})
    return made


def _preprocessing(name: str, digest: str) -> Preprocessing:
    """Return what torchvision's own weights of this SHA-256 were evaluated with.

    Published file names end in the first eight digits of the hash.

    Raises:
        ParamsError: they are not torchvision's, and its weights of this architecture disagree.
    """
    published = list(torchvision.models.get_model_weights(name))
    known = [weights for weights in published if digest[:8] in weights.url]
    ways = {repr(_of_weights(weights).as_dict()): weights for weights in known or published}
    if len(ways) > 1:
        raise ParamsError(
            f"torchvision publishes weights of {name!r} that saw images in {len(ways)} ways "
            f"({', '.join(weights.name for weights in ways.values())}), and this file is none of them: state "
            "preprocessing (size_px, resize, shorter_px, resample, mean, std)."
        )
    found = _of_weights(next(iter(ways.values())))
    if name in _PORTED:
        return dataclasses.replace(found, mean=_HALVES, std=_HALVES)
    return found


def _of_weights(weights: Any) -> Preprocessing:
    how = weights.transforms()
    return Preprocessing(
        size_px=how.crop_size[0],
        resize="center",
        shorter_px=how.resize_size[0],
        resample=how.interpolation.value,
        mean=tuple(how.mean),
        std=tuple(how.std),
    )


def network(record: Provenance) -> PooledNetwork:
    """Return the network of a record, without weights."""
    return pooled.of_record(architecture(str(record.name))[0], record)


SOURCE = Source(make=make, network=network, libraries=("torch", "torchvision"))
