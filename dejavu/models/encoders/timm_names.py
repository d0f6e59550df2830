"""Weights of timm's networks under the names that their authors gave them, renamed as timm itself does it.

Authors of DINOv2 with registers, ConvNeXt and others publish the networks that timm has under names of their
own, and DINOv2's training saves its blocks in chunks. What timm changes is taken over only where every tensor
has a place, and tensors are renamed, cut or given another shape; where it would resize or invent some, the
names stay.
"""

import importlib
import re
from collections.abc import Mapping

import timm
import torch
from torch import Tensor, nn

_CHUNK = re.compile(r"^blocks\.\d+\.(\d+\.)")  # of a chunk, the place of a block in the whole


def renamed(
    state: Mapping[str, Tensor], network: nn.Module, name: str, ignore: tuple[str, ...]
) -> dict[str, Tensor]:
    """Return the tensors of `state` under timm's names, or as they are where they fit or cannot be made to.

    Args:
        state: of the file.
        network: of timm.
        name: of its architecture.
        ignore: what names of tensors start with that are no part of it.
    """
    given = dict(state)
    if _fits(given, network, ignore):
        return given
    whole = {_CHUNK.sub(r"blocks.\1", key): value for key, value in given.items()}
    if len(whole) != len(given):
        return given
    if _fits(whole, network, ignore):
        return whole
    found = _as_timm(whole, network, name)
    if found is None or not _fits(found, network, ignore):
        return given
    return found if _only_renamed(whole, found, ignore) else given


def _fits(state: Mapping[str, Tensor], network: nn.Module, ignore: tuple[str, ...]) -> bool:
    own = {k: v for k, v in state.items() if not k.startswith(ignore)}
    return _shapes(own) == _shapes(network.state_dict())


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {k: v.shape for k, v in state.items() if not k.endswith("num_batches_tracked")}


def _as_timm(
    state: Mapping[str, Tensor], network: nn.Module, name: str
) -> dict[str, Tensor] | None:
    module = importlib.import_module(timm.model_entrypoint(name).__module__)
    change = getattr(module, "checkpoint_filter_fn", None)
    if change is None:
        return None
    try:
        with torch.no_grad():
            found = change(dict(state), network)
    except Exception:  # noqa: BLE001 - it was written for certain files, and meets any
        return None
    if not isinstance(found, Mapping):
        return None
    return {k: v for k, v in found.items() if isinstance(k, str) and isinstance(v, Tensor)}


def _only_renamed(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], ignore: tuple[str, ...]
) -> bool:
    """Return whether each tensor went somewhere, and each came from somewhere."""
    memory_before = {value.untyped_storage().data_ptr() for value in before.values()}
    memory_after = {value.untyped_storage().data_ptr() for value in after.values()}
    are_kept = all(
        key in after or value.untyped_storage().data_ptr() in memory_after
        for key, value in before.items()
        if not key.startswith(ignore)
    )
    are_known = all(
        value.untyped_storage().data_ptr() in memory_before
        or (key in before and before[key].shape == value.shape)
        for key, value in after.items()
    )
    return are_kept and are_known
