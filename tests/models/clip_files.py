"""Small CLIP files with the layouts of OpenCLIP and OpenAI."""

import json

import open_clip
import torch
from safetensors.torch import save_file

from tests.models.fixtures import fill

CLIP_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
CLIP_RESNET = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
CLIP_VIT = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}


def register_clips(into):
    """Register tiny architectures, each with its QuickGELU twin, as RN50 and ViT-B-32 have."""
    for name, vision in (("tiny-rn", CLIP_RESNET), ("tiny-vit", CLIP_VIT)):
        config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": CLIP_TEXT}
        (into / f"{name}.json").write_text(json.dumps(config))
        (into / f"{name}-quickgelu.json").write_text(json.dumps({**config, "quick_gelu": True}))
    open_clip.add_model_config(into)
    return into


def clip_network(architecture, seed=0):
    return fill(open_clip.create_model(architecture, load_weights=False), seed)


def save_plain(model, path):
    torch.save(model.state_dict(), path)


def save_training(model, path):
    state = {f"module.{k}": v for k, v in model.state_dict().items()}
    torch.save({"epoch": 1, "name": "x", "state_dict": state, "optimizer": {"state": {}}}, path)


def save_safetensors(model, path):
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)


def save_torchscript(model, path, dtype=torch.float32):
    """OpenAI's layout: an archived module tree with the same names and three numbers beside them."""

    class Holder(torch.nn.Module):
        def forward(self, x):
            return x

    root = Holder()
    for name, value in model.state_dict().items():
        parent = root
        *parents, last = name.split(".")
        for part in parents:
            if not hasattr(parent, part):
                parent.add_module(part, Holder())
            parent = getattr(parent, part)
        value = value.to(dtype) if value.is_floating_point() else value
        if "running" in last or "num_batches" in last:
            parent.register_buffer(last, value)
        else:
            parent.register_parameter(last, torch.nn.Parameter(value, requires_grad=False))
    for name in ("input_resolution", "context_length", "vocab_size"):
        root.register_buffer(name, torch.tensor(7))
    torch.jit.save(torch.jit.trace(root, torch.zeros(1)), path)


def clip(path):
    network = clip_network("tiny-rn-quickgelu")
    save_plain(network, path)
    return network


def clip_training(path):
    network = clip_network("tiny-rn-quickgelu")
    save_training(network, path)
    return network


def clip_torchscript(path):
    network = clip_network("tiny-rn-quickgelu")
    save_torchscript(network, path)
    return network
