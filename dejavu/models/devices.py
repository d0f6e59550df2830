"""Where networks run: the device, its threads, mixed precision, and several devices at once."""

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from dejavu.errors import ParamsError


def choose(name: str) -> torch.device:
    """Return the device that ``machine.device`` names (``auto``: CUDA, then MPS, then the CPU).

    Raises:
        ParamsError: torch does not see the device asked for.
    """
    seen = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, is_there in seen.items() if is_there))
    if not seen.get(name, False):
        there = [kind for kind, is_there in seen.items() if is_there]
        raise ParamsError(f"machine.device is {name!r}, but torch sees only {there}. Use auto.")
    return torch.device(name)


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Let torch use every core inside, and reproduce its sums: one number of threads, one result."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Forward:
    """Runs backbones in training: channels last, bfloat16 where the device computes with it.

    Where there are several CUDA devices, each takes a share of the batch; the features come back to
    the first one, so that a loss over the batch sees all of it. Batch norm sees one share.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.n_devices = torch.cuda.device_count() if device.type == "cuda" else 1
        self._is_mixed = computes_bfloat16(device)

    def __call__(self, backbone: nn.Module, views: Tensor) -> Tensor:
        """Return the features of `views` as float32."""
        views = views.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._is_mixed):
            if self.n_devices > 1:
                features: Tensor = nn.parallel.data_parallel(backbone, views)
            else:
                features = backbone(views)
        return features.float()


def computes_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 is fast here; where it is emulated it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
