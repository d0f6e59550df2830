"""Take a network's tensors out of what training scripts wrap around them: one way for all sources."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints import wrappers
from dejavu.run.progress import say

_PLAIN = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_SHOWN = 8  # beginnings of names that a message lists


def unwrapped(
    contents: Any,
    path: Path,
    *,
    what: str,
    state_dict: str | None = None,
    prefix: str | None = None,
) -> dict[str, Tensor]:
    """Return the tensors of a network by its own names.

    Keys of training scripts are followed where there is one way to go. ``module.`` (DDP) and
    ``_orig_mod.`` (torch.compile) are taken off every name, and ``model.``, ``net.`` or ``network.`` where
    all names start so. Anything else is another part of the file, which an entry names: an averaged network
    (EMA) with `state_dict`, one of several networks with `prefix`.

    Args:
        contents: what `checkpoints.read` returned.
        path: the file, for messages.
        what: what is expected, for messages.
        state_dict: keys to the tensors, joined by dots, e.g. ``state_dict_ema``; None: as above.
        prefix: what the names of the network's tensors start with, e.g. ``backbone.``; None: as above.

    Raises:
        WeightsError: there is no such part, or several may be meant.
    """
    if state_dict is None:
        state = _found(contents, path, what)
    else:
        state = checkpoints.tensors(_at(contents, state_dict, path), path, what=what)
    state = _renamed(state, wrappers.bare, path)
    if prefix is not None:
        rest = {name: value for name, value in state.items() if name.startswith(prefix)}
        if not rest:
            known = ", ".join(wrappers.beginnings(list(state))[:_SHOWN])
            raise WeightsError(
                f"{path}: no tensor's name starts with {prefix!r}; they start with {known}"
            )
        state = _renamed(
            {name.removeprefix(prefix): value for name, value in rest.items()}, wrappers.bare, path
        )
    while start := wrappers.shared(list(state)):
        state = {name.removeprefix(start): value for name, value in state.items()}
        state = _renamed(state, wrappers.bare, path)
    _require_numbers(state, path)
    return state


def _require_numbers(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are compressed: what their numbers are multiplied with stands elsewhere."""
    for name, value in state.items():
        if name.endswith(("weight", "bias")) and value.dtype not in _PLAIN:
            kind = str(value.dtype).removeprefix("torch.")
            raise WeightsError(
                f"{path}: {name!r} holds {kind} numbers, expected 16, 32 or 64 bits with a point. Of a "
                "compressed network the factors stand elsewhere: save the weights as they were before."
            )


def _found(contents: Any, path: Path, what: str) -> dict[str, Tensor]:
    inside, way = wrappers.inner(contents)
    if wrappers.is_state(inside):
        if beside := wrappers.averaged(contents):
            say(
                f"{path}: {'.'.join(way) or 'the network'} is audited; the averaged network beside it only "
                f"with state_dict: {beside[0]}"
            )
        return checkpoints.tensors(inside, path, what=what)
    keys = [".".join((*way, key)) for key in wrappers.ways(inside) or wrappers.averaged(inside)]
    if keys:
        raise WeightsError(
            f"{path}: the weights may lie under {' or '.join(map(repr, keys))}."
            f"{checkpoints.guess(contents) or f' Say which with state_dict: {keys[0]}'}"
        )
    return checkpoints.tensors(inside, path, what=what)


def _at(contents: Any, keys: str, path: Path) -> Any:
    for key in keys.split("."):
        if not isinstance(contents, Mapping) or key not in contents:
            known = (
                [str(k) for k in contents if isinstance(k, str)]
                if isinstance(contents, Mapping)
                else []
            )
            listed = ", ".join(known[:_SHOWN]) or "no keys"
            raise WeightsError(
                f"{path}: state_dict {keys!r}: there is no key {key!r}, but {listed}."
            )
        contents = contents[key]
    return contents


def _renamed(state: Mapping[str, Tensor], rename: Any, path: Path) -> dict[str, Tensor]:
    renamed = {rename(name): value for name, value in state.items()}
    if len(renamed) != len(state):
        raise WeightsError(
            f"{path}: names of tensors differ only in wrappers such as module.; it holds two networks. Save "
            "the one that is meant."
        )
    return renamed
