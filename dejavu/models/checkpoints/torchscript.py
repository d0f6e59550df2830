"""Take the tensors out of a TorchScript archive without loading its program.

OpenAI published CLIP as such archives. The pickle inside only describes modules and tensors; here every
module becomes an empty object with attributes, every tensor is cut from the archive's bytes, and any other
name in the pickle is refused.
"""

import collections
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import archives, pickles

_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
}
_EXPORTED = (
    "serialized_exported_program.json",
    "models/model.json",
)  # of torch.export, old and new
_OF_READERS = (
    zipfile.BadZipFile, StopIteration, pickle.UnpicklingError, KeyError, EOFError, RuntimeError, TypeError,
    ValueError, AttributeError, IndexError, MemoryError, OSError, OverflowError,
)  # fmt: skip
_LISTS = {"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist"}


def is_archive(path: Path) -> bool:
    """Return whether a file is a TorchScript archive: a zip file that holds code beside tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


def program_of(path: Path) -> str | None:
    """Say what kind of program a file is, and which entry takes it; None if it is none."""
    if path.suffix == ".onnx":
        return "an ONNX file, a program and no checkpoint: set source: onnx, with preprocessing."
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith(_EXPORTED) for name in names):
        return "a program of torch.export (.pt2) and no checkpoint: set source: torch_export."
    if is_archive(path):
        return (
            "a TorchScript archive, a program and no checkpoint. OpenAI's CLIP models come like this: set "
            "source: open_clip in caption.models. Of any other, save the weights elsewhere "
            "(torch.save(torch.jit.load(file).state_dict(), ...)) and name that file with source: state_dict."
        )
    return None


def read(path: Path) -> dict[str, Tensor]:
    """Return the parameters and buffers of an archived module by their dotted names.

    Raises:
        WeightsError: the archive is damaged, or its pickle names anything but modules and tensors.
    """
    try:
        with archives.opened(path) as archive:
            root = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            with archive.open(root) as stream:
                pickles.examine(stream)
            with archive.open(root) as stream:
                module = _Unpickler(stream, archive, root.removesuffix("data.pkl"), path).load()
    except WeightsError as error:
        text = str(error)
        raise WeightsError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except _OF_READERS:
        raise WeightsError(
            f"{path}: not a readable TorchScript archive. It is damaged: copy or download it anew."
        ) from None
    state: dict[str, Tensor] = {}
    _collect(module, "", state)
    return state


class _Module:
    """A module of the archive: attributes only."""


class _Unpickler(pickle.Unpickler):
    """Knows modules, tensors and lists of numbers; nothing that could be run."""

    def __init__(self, stream: Any, archive: zipfile.ZipFile, root: str, path: Path) -> None:
        super().__init__(stream)
        self._archive, self._root, self._path = archive, root, path

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return type(name, (_Module,), {})
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch.jit._pickle" and name in _LISTS | {"restore_type_tag"}:
            return _first
        raise WeightsError(
            f"{self._path}: refers to code ({module}.{name}) that is never run here."
        )

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, *_ = pid
        content = bytearray(self._archive.read(f"{self._root}data/{key}"))
        return torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)


def _tensor(storage: Tensor, offset: int, size: Any, stride: Any, *_: object) -> Tensor:
    if math.prod(size) > storage.numel():  # a stride of 0 would make a kilobyte a copy of gigabytes
        raise WeightsError(
            f"a tensor of shape {tuple(size)} of which {storage.numel()} numbers are stored."
        )
    return storage.as_strided(tuple(size), tuple(stride), offset).clone()


def _first(value: Any, *_: object) -> Any:
    return value


def _collect(value: Any, name: str, state: dict[str, Tensor]) -> None:
    if isinstance(value, Tensor):
        state[name] = value
    elif isinstance(value, _Module):
        for key, item in vars(value).items():
            _collect(item, f"{name}.{key}" if name else key, state)
