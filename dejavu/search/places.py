"""Where candidates are proposed, and in which precision: GPUs in half precision, processors in float32.

Neither changes an answer: `dejavu.search.knn` ranks again, and asks again where the precision leaves doubt.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Literal

from dejavu.params.machine import MachineParams

Precision = Literal["float32", "float16", "bfloat16"]
# of NVIDIA (on WSL, too) and AMD: without any of them there is no GPU, and torch is not worth its seconds
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Devices of torch that hold the bank in parts, and the precision that they first compute in."""

    devices: tuple[str, ...]  # (): FAISS computes on processors, in float32
    precision: Precision


PROCESSORS = Places(devices=(), precision="float32")


def of(machine: MachineParams) -> Places:
    """Return where searches of ``machine`` run: all GPUs that this process sees, or processors.

    ``search_precision: auto`` is float16 on GPUs, whose significand has three bits more than bfloat16's
    at the same rate, and float32 on processors. A half precision that is asked for is used on either.
    """
    asked = machine.search_precision
    if n := n_gpus(machine):
        devices = tuple(f"cuda:{number}" for number in range(n))
        return Places(devices=devices, precision="float16" if asked == "auto" else asked)
    if asked == "auto" or asked == "float32":  # mypy narrows it this way
        return PROCESSORS
    return Places(devices=("cpu",), precision=asked)


def n_gpus(machine: MachineParams) -> int:
    """Return how many GPUs searches may use here."""
    if machine.device not in ("auto", "cuda") or not _may_have_gpus():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _may_have_gpus() -> bool:
    return sys.platform == "win32" or any(Path(driver).exists() for driver in _DRIVERS)
