"""Inputs of `benchmarks.bad_inputs` built after public reports on weights; each names its report.

An input writes weights as they are found, lets the stage's own function take them, and compares the vectors
of one image with those of the network that the weights were taken from.
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from benchmarks.bad_input_world import told
from benchmarks.hostile_cases import Case
from tests.models.encoders.test_released_folders import made
from tests.models.test_pixels import FolderOfArrays

State = dict[str, Any]
_SEEN = {
    "size_px": 64, "resize": "center", "shorter_px": 64, "resample": "bilinear", "mean": [0.5] * 3,
    "std": [0.5] * 3,
}  # fmt: skip


def _resnet(change: Callable[[State], Any], **entry: Any) -> None:
    """Take a ResNet-18 of torchvision whose file was changed; its vectors are those of the network itself."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18()
    torch.save(change(network.state_dict()), "a.pth")
    network.fc = nn.Identity()
    _compared(network, "torchvision", name="resnet18", preprocessing=_SEEN, **entry)


def _compared(network: nn.Module, source: str, **entry: Any) -> None:
    encoder = made(Path.cwd(), source, **entry)
    size = encoder.preprocessing.size_px
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    found = encoder.embed(encoder.preprocessing.load(FolderOfArrays(a=image), ["a"], None))
    mean, std = (
        torch.tensor(values) for values in (encoder.preprocessing.mean, encoder.preprocessing.std)
    )
    pixels = (torch.from_numpy(image) / 255 - mean) / std
    with torch.inference_mode():
        expected = network.eval()(pixels.permute(2, 0, 1)[None].float())
    layer = next(iter(found.values()))
    told(is_true=np.allclose(layer, expected, rtol=1e-3, atol=1e-3), n_counted=0)


def _named(start: str) -> Callable[[State], State]:
    return lambda state: {"state_dict": {start + name: value for name, value in state.items()}}


def _both(state: State) -> State:
    parts = {f"module.encoder_{which}.{name}": v for which in "qk" for name, v in state.items()}
    return {"state_dict": parts}


def _cifar() -> None:
    network = torchvision.models.resnet18()
    network.conv1 = nn.Conv2d(3, 64, 3, 1, 2, bias=False)
    network.maxpool, network.fc = nn.Identity(), nn.Identity()
    torch.save(network.state_dict(), "a.pth")
    _compared(network, "torchvision", name="resnet18", preprocessing=_SEEN)


def _inception() -> None:
    """Torchvision's own weights expect its own pixels, which its bare network does not make."""
    torch.manual_seed(0)
    network = torchvision.models.inception_v3(
        init_weights=False, weights=None, transform_input=False
    )
    torch.save(network.state_dict(), "a.pth")
    network.fc = nn.Identity()
    encoder = made(Path.cwd(), "torchvision", name="inception_v3")
    told(is_true=encoder.preprocessing.mean == (0.5, 0.5, 0.5), n_counted=0)


def _clip(name: str) -> None:
    network = timm.create_model("vit_base_patch32_clip_quickgelu_224", num_classes=0)
    save_file(network.state_dict(), "a.safetensors")
    _compared(network, "timm", weights="a.safetensors", name=name)


def networks() -> Iterator[Case]:
    """Kind D."""
    changes: dict[str, Callable[[State], Any]] = {
        "no name fits (torchgeo 4036)": _named("net.encoder.blocks."),
        "names below backbone. (mmpretrain 18)": _named("backbone."),
        "two encoders in one file (MoCo)": _both,
        "compressed to eight bits (mlx-audio 902)": lambda state: {
            name: (50 * v).to(torch.int8) if v.ndim == 4 else v for name, v in state.items()
        },
        "half of the numbers (mmdetection 9521)": lambda state: dict(list(state.items())[:60]),
        "old files without counters (pytorch 0.4)": lambda state: {
            name: v for name, v in state.items() if "num_batches" not in name
        },
        "without running statistics (PyTorch_CIFAR10 4)": lambda state: {
            name: v for name, v in state.items() if "running" not in name
        },
        "sixteen bits (open_clip 915)": lambda state: {
            name: v.half() if v.is_floating_point() else v for name, v in state.items()
        },
    }  # fmt: skip
    for name, change in changes.items():
        yield name, functools.partial(_resnet, change)
    yield "a stem for small images (solo-learn 127)", _cifar
    yield "pixels moved inside the network (Cadene 7, vision 6066)", _inception
    yield (
        "the other GELU, by tag (timm 2031, 1754)",
        functools.partial(_clip, "vit_base_patch32_clip_224.openai"),
    )
