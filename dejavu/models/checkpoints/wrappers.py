"""What training scripts wrap around the weights: keys of the file, and first parts of the tensors' names."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params",
)  # fmt: skip
# A second, averaged network beside the trained one: another network, audited only where it is asked for
AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "ema", "teacher")
OF_TRAINING = ("module.", "_orig_mod.")  # DistributedDataParallel and torch.compile
OF_CLASSES = ("model.", "net.", "network.")  # the attribute of a Lightning module


def inner(contents: Any) -> tuple[Any, tuple[str, ...]]:
    """Follow the keys of training scripts as far as there is one way to go.

    Returns:
        What lies there, and the keys. If several keys may hold the weights, what holds them.
    """
    way: tuple[str, ...] = ()
    while not is_state(contents):
        found = ways(contents)
        if len(found) != 1:
            break
        contents, way = contents[found[0]], (*way, found[0])
    return contents, way


def ways(contents: Any) -> list[str]:
    """Return the keys under which weights may lie."""
    if not isinstance(contents, Mapping):
        return []
    return [name for name in WRAPPERS if isinstance(contents.get(name), Mapping) and contents[name]]


def averaged(contents: Any) -> list[str]:
    """Return the keys under which an averaged network lies."""
    if not isinstance(contents, Mapping):
        return []
    return [name for name in AVERAGED if isinstance(contents.get(name), Mapping) and contents[name]]


def is_state(contents: Any) -> bool:
    """Return whether something is a mapping of names to tensors."""
    return isinstance(contents, Mapping) and any(isinstance(v, Tensor) for v in contents.values())


def bare(name: str) -> str:
    """Return the name of a tensor without what wrappers of training put in front.

    >>> bare("module._orig_mod.conv1.weight")
    'conv1.weight'
    """
    while name.startswith(OF_TRAINING):
        name = name.partition(".")[2]
    return name


def shared(names: list[str]) -> str:
    """Return the attribute of a Lightning module that all names start with, or nothing.

    >>> shared(["model.conv1.weight", "model.fc.bias"])
    'model.'
    >>> shared(["model.conv1.weight", "head.weight"])
    ''
    """
    return next((p for p in OF_CLASSES if names and all(n.startswith(p) for n in names)), "")


def beginnings(names: list[str]) -> list[str]:
    """Return the first parts of names, most frequent first, e.g. ``["backbone.", "head."]``."""
    counts: dict[str, int] = {}
    for name in names:
        first = name.partition(".")[0] + "."
        counts[first] = counts.get(first, 0) + 1
    return sorted(counts, key=lambda first: (-counts[first], first))
