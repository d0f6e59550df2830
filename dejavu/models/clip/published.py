"""What OpenCLIP's list of published weights says of a file: activation and preprocessing.

The activation is a silent trap: GELU and QuickGELU networks have equal tensors, so a file fits both and gives
wrong vectors in one of them. So is preprocessing: a third of the published weights saw other colors, sizes or
cuts than OpenAI's.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
from torch import nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.params.caption import OpenClipParams
from dejavu.run.progress import say

Entry = Mapping[str, Any]  # of OpenCLIP's list


def is_quick_gelu(model: nn.Module) -> bool:
    """Return whether a network computes QuickGELU anywhere."""
    return any(type(module).__name__ == "QuickGELU" for module in model.modules())


def needs_quick_gelu(architecture: str, expected: bool | None, weights: Path | str) -> bool:
    """Return whether to force QuickGELU on an architecture that has no QuickGELU twin of its own.

    Args:
        architecture: OpenCLIP's name.
        expected: whether the weights were trained with QuickGELU; None if that is unknown, and then the
            user is told what is taken.
        weights: for messages.

    Raises:
        WeightsError: the weights were trained with the activation of the architecture's twin.
    """
    found = bool(open_clip.get_model_config(architecture).get("quick_gelu", False))
    name = {True: "QuickGELU", False: "GELU"}
    bare = architecture.removesuffix("-quickgelu")
    twin = bare if found else f"{bare}-quickgelu"
    has_twin = twin in open_clip.list_models()
    if expected is None and has_twin:
        say(
            f"{weights}: the activation does not show in the file; {name[found]} is taken, as "
            f"architecture {architecture!r} says ({twin!r} has {name[not found]})"
        )
    if expected is None or found == expected:
        return False
    if has_twin or found:
        raise WeightsError(
            f"{weights}: was trained with {name[expected]}, but architecture {architecture!r} computes "
            f"{name[found]}. The tensors fit either way and would give wrong vectors: set architecture: "
            f"{twin}."
        )
    return True


def of_digest(digest: str) -> Entry | None:
    """Return the entry of a file that OpenCLIP's list knows, or None.

    A file is known by the start of its SHA-256, which published names carry.
    """
    for architecture, tag in open_clip.list_pretrained():
        entry: Entry = open_clip.get_pretrained_cfg(architecture, tag)
        url = entry.get("url", "")
        hashes = re.findall(r"[0-9a-f]{64}(?=/)|(?<=-)[0-9a-f]{8}(?=\.pt$)", url)
        if any(digest.startswith(start) for start in hashes):
            return entry
    return None


def activation(known: Entry | None, path: Path) -> bool | None:
    """Return whether a file was trained with QuickGELU; None if that is unknown."""
    if known is not None:
        return bool(known.get("quick_gelu", False))
    return True if "quickgelu" in path.name.lower() else None


def seen_by(settings: OpenClipParams, known: Entry | None, path: Path) -> dict[str, Any]:
    """Return how a file's network sees images, as arguments of OpenCLIP; none: as OpenCLIP trains.

    Raises:
        ParamsError: neither the entry says it nor the list, where weights of this architecture disagree.
    """
    if (stated := settings.preprocessing) is not None:
        return _arguments(stated.model_dump())
    if known is not None:
        return _arguments(known)
    tags = open_clip.list_pretrained_tags_by_model(settings.architecture)
    entries = {tag: open_clip.get_pretrained_cfg(settings.architecture, tag) for tag in tags}
    ways: dict[str, str] = {}
    for tag, entry in entries.items():
        ways.setdefault(repr(_arguments(entry)), tag)
    if len(ways) > 1:
        raise ParamsError(
            f"{path}: OpenCLIP's weights of {settings.architecture!r} saw images in {len(ways)} ways "
            f"({', '.join(ways.values())}), and this file is none of them: state preprocessing (mean, std, "
            "interpolation, resize_mode)."
        )
    return _arguments(entries[tags[0]]) if tags else {}


def _arguments(entry: Entry) -> dict[str, Any]:
    return {
        "image_mean": tuple(entry.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        "image_std": tuple(entry.get("std") or open_clip.OPENAI_DATASET_STD),
        "image_interpolation": entry.get("interpolation") or "bicubic",
        "image_resize_mode": entry.get("resize_mode") or "shortest",
    }
