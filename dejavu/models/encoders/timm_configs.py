"""How networks of timm see images: from a folder's ``config.json``, or from timm's own record of a tag."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.params.released import TimmModel

LOCAL_DIR = "local-dir"  # the name of a folder, whose own configuration says what it is
CONFIG = "config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.bin")
_RESIZES = {"center": "center", "squash": "squash"}  # of timm's crop modes
_SEEN = ("input_size", "crop_pct", "crop_mode", "interpolation", "mean", "std")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What is known of a network before its weights are read."""

    architecture: str
    arguments: Mapping[str, Any]  # beyond the name
    preprocessing: Preprocessing
    is_own: bool  # from the configuration beside the weights


def found(settings: TimmModel, path: Path) -> tuple[Path, Config]:
    """Return the file of weights that an entry names, and what is known of the network.

    Raises:
        ParamsError: the name does not go with a folder, or how the network sees images is not said.
        WeightsError: the folder has no configuration of timm, or no weights.
    """
    if path.is_dir():
        if settings.name != LOCAL_DIR:
            raise ParamsError(
                f"{path}: a folder says itself what it is: set name: {LOCAL_DIR}, found {settings.name!r}."
            )
        weights = next((path / name for name in _WEIGHTS if (path / name).is_file()), None)
        if weights is None:
            raise WeightsError(f"{path}: has none of the weight files {', '.join(_WEIGHTS)}.")
        return weights, _of_file(path / CONFIG)
    if settings.name == LOCAL_DIR:
        raise ParamsError(
            f"name: {LOCAL_DIR} is for a folder with a {CONFIG} of timm; {path} is none."
        )
    beside = path.parent / CONFIG
    if settings.preprocessing is None and _is_timms(beside):
        own = _of_file(beside)
        if own.architecture != settings.name.partition(".")[0]:
            raise ParamsError(
                f"{beside}: is of {own.architecture!r}, and the entry says name: {settings.name}. Set "
                f"name: {own.architecture}, or put the weights into a folder of their own."
            )
        return path, own
    if settings.preprocessing is None:
        _require_one_way(settings.name)
    return path, of_name(settings.name)


def of_name(name: str) -> Config:
    """Return what timm says of a name, with or without a tag.

    Raises:
        ParamsError: timm has no such network.
    """
    if not timm.is_model(name):
        raise ParamsError(f"timm has no model {name!r}.{suggestion(name, timm.list_models())}")
    _require_activation(name)
    network = timm.create_model(name, pretrained=False, num_classes=0)
    seen = preprocessing(network.pretrained_cfg, f"timm's record of {name!r}")
    return Config(architecture=name, arguments={}, preprocessing=seen, is_own=False)


def preprocessing(config: Mapping[str, Any], where: object) -> Preprocessing:
    """Translate what timm writes of a network (``pretrained_cfg``) into what is done here.

    Raises:
        WeightsError: images would be padded, or seen as something else than a square.
    """
    _, height, width = config["input_size"]
    crop_mode = config.get("crop_mode") or "center"
    resample = config["interpolation"]
    if height != width or crop_mode not in _RESIZES or resample not in ("bilinear", "bicubic"):
        raise WeightsError(
            f"{where}: sees images of {width} x {height} pixels with crop_mode {crop_mode!r} and "
            f"interpolation {resample!r}; squares, center or squash, bilinear or bicubic are done here. "
            "State the nearest in preprocessing, or make vectors elsewhere and use source: embeddings."
        )
    return Preprocessing(
        size_px=height,
        resize="squash" if crop_mode == "squash" else "center",
        shorter_px=max(height, math.floor(height / (config.get("crop_pct") or 1))),
        resample=resample,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def _require_one_way(name: str) -> None:
    """Refuse a name whose published weights saw images in different ways.

    Raises:
        ParamsError: naming the tags.
    """
    if "." in name or not timm.is_model(name):
        return
    tags = sorted(each for each in timm.list_pretrained() if each.partition(".")[0] == name)
    ways: dict[str, list[str]] = {}
    for tag in tags:
        config = timm.get_pretrained_cfg(tag).to_dict()
        ways.setdefault(repr([config.get(key) for key in _SEEN]), []).append(tag)
    if len(ways) > 1:
        examples = ", ".join(some[0] for some in ways.values())
        raise ParamsError(
            f"name: {name} stands for {len(tags)} trainings that saw images in {len(ways)} ways "
            f"({examples}). Name one with its tag, or state preprocessing (size_px, resize, shorter_px, "
            "resample, mean, std)."
        )


def _require_activation(name: str) -> None:
    """Refuse a tag whose weights were trained with QuickGELU in a network that computes GELU.

    Raises:
        ParamsError: naming timm's network that fits, where there is one.
    """
    entry = timm.get_pretrained_cfg(name) if "." in name else None
    architecture, _, tag = name.partition(".")
    told = " ".join(getattr(entry, "notes", None) or ()).lower()
    if "quickgelu" not in told or "quickgelu" in architecture:
        return
    plain = {each.replace("_quickgelu", ""): each for each in timm.list_models("*quickgelu*")}
    twin = plain.get(architecture)
    raise ParamsError(
        f"name: the weights of {name} were trained with QuickGELU, and this network computes GELU. The "
        "tensors fit either way and would give other vectors: "
        + (f"set name: {twin}.{tag}." if twin else "timm has no network for them.")
    )


def _is_timms(path: Path) -> bool:
    return path.is_file() and "pretrained_cfg" in _json(path)


def _of_file(path: Path) -> Config:
    if not path.is_file():
        raise WeightsError(f"{path}: not there; a folder of timm has it beside the weights.")
    content = _json(path)
    entry, architecture = content.get("pretrained_cfg"), content.get("architecture")
    if not isinstance(entry, dict) or not isinstance(architecture, str):
        raise WeightsError(
            f"{path}: no configuration of timm (architecture, pretrained_cfg).{_guess(content)}"
        )
    missing = [key for key in ("input_size", "interpolation", "mean", "std") if key not in entry]
    if missing:
        raise WeightsError(
            f"{path}: pretrained_cfg does not say {', '.join(missing)}: state preprocessing in the entry."
        )
    name = architecture.partition(".")[0]
    _require_activation(f"{name}.{entry['tag']}" if entry.get("tag") else name)
    return Config(
        architecture=name,
        arguments={
            k: v for k, v in (content.get("model_args") or {}).items() if k != "num_classes"
        },
        preprocessing=preprocessing(entry, path),
        is_own=True,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: not JSON ({error}). Copy the file anew.") from None
    return content if isinstance(content, dict) else {}


def _guess(content: Mapping[str, Any]) -> str:
    if "model_type" in content:
        return " This looks like a folder of the transformers library: set source: transformers."
    return ""
