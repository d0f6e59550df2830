"""Files that are not what a loader expects: other models, numbers, damage, and malice."""

import pickle
import warnings
import zipfile
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


def without_checksums(source, path, *, members=None):
    """A copy of a zip file whose directory has no checksum, or none of its first `members`."""
    raw = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        n, place = len(archive.infolist()), archive.start_dir
    for _ in range(n if members is None else members):
        raw[place + 16 : place + 20] = bytes(4)
        place += 46 + sum(
            int.from_bytes(raw[place + at : place + at + 2], "little") for at in (28, 30, 32)
        )
    path.write_bytes(raw)


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


def flipped(path, out):
    """One bit in the middle of the largest tensor: sizes, names and shapes stay."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
    content[largest.header_offset + largest.file_size // 2] ^= 4
    out.write_bytes(content)


def expanded(path):
    """A kilobyte that says it is a tensor of a hundred gigabytes."""
    torch.save({"w": torch.zeros(1).expand(5_000_000, 5_000)}, path)


def nested_key(path, *, legacy=False):
    """A dictionary whose key is a tuple of a tuple … of 2^60 objects: hashing it never ends."""
    key = ()
    for _ in range(60):
        key = (key, key)
    body = pickle.dumps([key], protocol=2)
    # [key] becomes {key: 1} in the bytes alone, as nobody could make such a dictionary here
    body = b"\x80\x02}" + body[2:-2].replace(b"]q\x00", b"", 1) + b"K\x01s."
    if legacy:
        path.write_bytes(body)
        return
    torch.save({"w": torch.zeros(2)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, body if name.endswith("/data.pkl") else content)


def huge_storage(path):
    """The old file format, which says how long a tensor is before the tensor: 10^15 numbers."""
    torch.save({"w": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    at = content.index(b"cpu") + 3
    at = content.index(b"K\x03", at)
    path.write_bytes(
        content[:at] + b"\x8a\x08" + (10**15).to_bytes(8, "little") + content[at + 2 :]
    )


def packed(path, out):
    """The same members, compressed."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name))


def sparse(path):
    torch.save({"w": torch.eye(3).to_sparse()}, path)


def quantized(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to drop such tensors; files have them
        torch.save({"w": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, path)


def complex_numbers(path):
    torch.save({"w": torch.ones(3, dtype=torch.complex64)}, path)
