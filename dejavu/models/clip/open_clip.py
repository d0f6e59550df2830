"""CLIP models trained elsewhere: tags of OpenCLIP, files, folders, and OpenAI's archives.

Where the weights are known (a tag, an archive of OpenAI, a file named or hashed like a published one) the
architecture must agree with them, see `published`; otherwise the architecture's word is taken and recorded.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import torch
from PIL import Image
from torch import Tensor, nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import devices, hub
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints import torchscript
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.clip import hubs, network, published
from dejavu.models.clip.model import CaptionModel, of_network
from dejavu.models.clip.source import released
from dejavu.params.caption import OpenClipParams
from dejavu.params.machine import MachineParams

LOCAL_DIR = "local-dir"  # the architecture of a folder, whose own configuration says what it is
CONFIG = "open_clip_config.json"
_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
_SIZES = (
    "input_resolution",
    "context_length",
    "vocab_size",
)  # numbers that OpenAI stores as tensors


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenedClip:
    """A network with weights, what prepares images and captions for it, and facts for the record."""

    model: nn.Module
    tokenize: network.Tokenizer
    preprocess: Callable[[Any], Tensor]
    facts: dict[str, Any]


def opened(settings: OpenClipParams, machine: MachineParams) -> CaptionModel:
    """Open the model that an ``open_clip`` entry names, see `open_released`."""
    device = devices.choose(machine.device)
    found = open_released(settings, machine.data_folder, device=device)

    def prepare(images: list[Image.Image]) -> Tensor:
        return torch.stack([found.preprocess(image) for image in images])

    return of_network(found.model, found.tokenize, prepare, device=device, facts=found.facts)


def open_released(settings: OpenClipParams, data_root: Path, *, device: torch.device) -> OpenedClip:
    """Open the model that an ``open_clip`` entry names.

    Args:
        settings: architecture and weights. Weights are a file or folder below `data_root`, else a tag.
        data_root: the folder that paths are relative to.
        device: where the network shall lie.

    Raises:
        ParamsError: OpenCLIP has no such architecture, or it does not go with a folder.
        WeightsError: the weights are missing, do not fit, or were trained with the other activation.
    """
    path = hub.located(settings.weights, data_root)
    if path.is_dir():
        return _folder(settings, path, device)
    if settings.architecture == LOCAL_DIR:
        raise ParamsError(
            f"architecture {LOCAL_DIR!r} is for a folder with a {CONFIG}; {path} is none."
        )
    network.require_known(settings.architecture)
    return _file(settings, path, device) if path.is_file() else _tag(settings, path, device)


def _file(settings: OpenClipParams, path: Path, device: torch.device) -> OpenedClip:
    if not settings.may_download:
        hubs.require_offline(open_clip.get_model_config(settings.architecture), path)
    digest = checkpoints.sha256(path)
    kind, state, contents = _read(path, settings)
    is_openai = kind == "OpenAI TorchScript"
    known = published.of_digest(digest)
    expected = True if is_openai else published.activation(known, path)
    seen = {} if is_openai else published.seen_by(settings, known, path)
    model, _, preprocess = open_clip.create_model_and_transforms(
        settings.architecture, pretrained=None, load_weights=False, pretrained_text=False,
        force_quick_gelu=published.needs_quick_gelu(settings.architecture, expected, path), **seen,
    )  # fmt: skip
    checkpoints.load_exactly(
        model, _as_in(model, state), path, contents=contents, refusing="open_clip"
    )
    facts = {"weights_sha256": digest, "checkpoint": kind}
    return _opened(settings, model.to(device), preprocess, facts)


def _read(path: Path, settings: OpenClipParams) -> tuple[str, dict[str, Tensor], Any]:
    """Return the kind of file, its state dict, and all that it holds."""
    if torchscript.is_archive(path):
        state = torchscript.read(path)
        return "OpenAI TorchScript", {k: v for k, v in state.items() if k not in _SIZES}, state
    contents = checkpoints.read(path)
    is_training = isinstance(contents, dict) and isinstance(contents.get("state_dict"), dict)
    kind = "OpenCLIP training checkpoint" if is_training else "state dict"
    state = unwrapped(
        contents, path, what="a state dict of OpenCLIP", state_dict=settings.state_dict
    )
    return kind, state, contents


def _as_in(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a text tower that the architecture keeps under ``text.``; nothing is resized."""
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = open_clip.model.convert_to_custom_text_state_dict(state)
    expected = model.state_dict()
    for name in ("logit_scale", "logit_bias"):  # old files hold one number as a list of one
        if name in state and name in expected and state[name].numel() == 1:
            state[name] = state[name].reshape(expected[name].shape)
    return state


def _tag(settings: OpenClipParams, path: Path, device: torch.device) -> OpenedClip:
    tag, architecture = settings.weights, settings.architecture
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in known:
        raise WeightsError(
            f"{path}: no such file or folder, and {tag!r} is no tag of OpenCLIP for {architecture!r}. "
            f"Tags: {', '.join(known) or 'none'}."
        )
    entry = open_clip.get_pretrained_cfg(architecture, tag)
    force = published.needs_quick_gelu(architecture, bool(entry.get("quick_gelu", False)), tag)
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            architecture, pretrained=tag, force_quick_gelu=force
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise WeightsError(
            f"tag {tag!r} of {architecture!r}: OpenCLIP cannot get the weights "
            f"({str(error).splitlines()[0]}). Offline, put the file below machine.data_root "
            f"({entry.get('url') or entry.get('hf_hub')}) and set weights to its path."
        ) from None
    facts = {"weights_sha256": _digest(model), "checkpoint": f"tag {tag}"}
    return _opened(settings, model.to(device), preprocess, facts)


def _folder(settings: OpenClipParams, folder: Path, device: torch.device) -> OpenedClip:
    config = folder / CONFIG
    if settings.architecture != LOCAL_DIR:
        raise ParamsError(
            f"{folder}: a folder says itself what it is: set architecture: {LOCAL_DIR}, found "
            f"{settings.architecture!r}."
        )
    if not config.is_file():
        raise WeightsError(f"{folder}: has no {CONFIG}.{_guess_folder(folder)}")
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise WeightsError(f"{folder}: has none of the weight files {', '.join(_WEIGHTS)}.")
    described = _model_config(config)
    hubs.require_tokenizer(described, folder)
    if not settings.may_download:
        hubs.require_offline(described, config, is_folder=True)
    name = f"{LOCAL_DIR}:{folder}"
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(name, load_weights=False)
    except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{config}: no configuration of OpenCLIP ({error}).") from None
    _, state, contents = _read(weights, settings)
    checkpoints.load_exactly(
        model, _as_in(model, state), weights, contents=contents, refusing="open_clip"
    )
    facts = {"weights_sha256": checkpoints.sha256(weights), "checkpoint": "OpenCLIP folder"}
    return _opened(settings, model.to(device), preprocess, facts, tokenizer_of=name)


def _model_config(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["model_cfg"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: no configuration of OpenCLIP ({error}).") from None


def _opened(
    settings: OpenClipParams,
    model: nn.Module,
    preprocess: Callable[[Any], Tensor],
    facts: dict[str, Any],
    *,
    tokenizer_of: str | None = None,
) -> OpenedClip:
    name = tokenizer_of or settings.architecture
    facts = {
        "weights": settings.weights,
        "activation": "quick_gelu" if published.is_quick_gelu(model) else "gelu",
        "preprocessing": str(preprocess),
        **facts,
    }
    return OpenedClip(
        model=model.eval(),
        tokenize=open_clip.get_tokenizer(name),
        preprocess=preprocess,
        facts=facts,
    )


def _digest(model: nn.Module) -> str:
    """Return a SHA-256 over the tensors of a network whose file OpenCLIP keeps in its own cache."""
    import hashlib

    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _guess_folder(folder: Path) -> str:
    config = folder / "config.json"
    if (
        config.is_file()
        and json.loads(config.read_text(encoding="utf-8")).get("model_type") == "clip"
    ):
        return (
            " It is a CLIP model of the transformers library: set source: transformers, and leave "
            "architecture out."
        )
    return " `weights` must name a file, a folder in OpenCLIP's format, or a tag."


SOURCE = released(opened, libraries=("open_clip_torch", "timm", "torch"))
