"""Files that are not what a loader expects: other models, numbers, damage, and malice."""

import pickle
from pathlib import Path

import torch
from torch import nn

from dejavu.models.checkpoints import load as checkpoints
from tests.models.fixtures import as_of_main, exclude_bias_and_norm, save_with_main


def text_model(path):
    torch.save({"embeddings.word_embeddings.weight": torch.ones(3, 2)}, path)


def segment_anything(path):
    names = ("image_encoder.pos_embed", "mask_decoder.iou_token.weight", "prompt_encoder.x.weight")
    torch.save(dict.fromkeys(names, torch.ones(2, 2)), path)


def grounding_dino(path):
    names = ("module.transformer.level_embed", "module.bert.embeddings.word_embeddings.weight")
    torch.save({"model": dict.fromkeys(names, torch.ones(2, 2))}, path)


def efficientnet(path):
    """The packaged EfficientNet-Lite0: the names of another library, in torch's old file format."""
    state = {"_conv_stem.weight": torch.ones(2, 3, 3, 3), "_fc.bias": torch.ones(4)}
    torch.save(state, path, _use_new_zipfile_serialization=False)


def numbers(path):
    torch.save([1, 2, 3], path)


def torchscript(path):
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), path)


class Evil:
    """Runs a command when an unsafe unpickler reads it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def malicious(path, marker, *, disguise):
    """A pickle that touches `marker` when read; zip format, or the bare pickle of old torch files."""
    contents = {"model": {"w": torch.zeros(1)}, "optimizer": Evil(marker)}
    if disguise == "zip":
        torch.save(contents, path)
    elif disguise == "legacy":
        torch.save(contents, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps(Evil(marker)))


def calls_stand_in(path):
    """A pickle that calls the one function name that is let through."""
    exclude = as_of_main(exclude_bias_and_norm)
    caller = type("Caller", (), {"__reduce__": lambda self: (exclude, (1,))})
    save_with_main({"x": caller()}, path, exclude_bias_and_norm=exclude)


def rewrite(path, out, change):
    """Copy a checkpoint without its optimizer, with `change` applied to what it holds."""
    contents = checkpoints.read(path)
    contents.pop("optimizer", None)
    change(contents)
    torch.save(contents, out)


def truncated(path, out):
    out.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
