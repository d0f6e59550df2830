"""Where networks run: the device, its threads, and mixed precision."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from dejavu.errors import ParamsError
from dejavu.run import cores, processes


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


def gpus_per_worker(name: str) -> float:
    """Return how many GPUs a worker of a cluster needs that computes on the device `name`."""
    return 0.0 if choose(name).type == "cpu" else 1.0


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Let torch use every core inside, and reproduce its sums: one number of threads, one result.

    Processes that work together on one machine share its cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, cores.given() // processes.place().n_local))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Forward:
    """Runs backbones in training: channels last, bfloat16 where the device computes with it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._is_mixed = computes_bfloat16(device)

    def __call__(self, backbone: nn.Module, views: Tensor) -> Tensor:
        """Return the features of `views` as float32."""
        views = views.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._is_mixed):
            features: Tensor = backbone(views)
        return features.float()


def count(device: torch.device) -> int:
    """Return how many devices of this kind a training can use, one process each."""
    return torch.cuda.device_count() if device.type == "cuda" else 1


def computes_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 is fast here; where it is emulated it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
