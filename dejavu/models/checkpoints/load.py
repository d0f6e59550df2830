"""Read checkpoint files without running what they pickle, and load them key by key.

What a file says of itself is looked through first (`archives`, `pickles`); then it is opened with
torch's restricted unpickler. The two harmless names that released checkpoints do hold (a function reference
of VICReg's optimizer, the arguments of DINO's script) resolve to stand-ins; any other name is an error.
What torch itself says of a file is never passed on: it advises to load files without that restriction.
"""

import argparse
import hashlib
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import archives, pickles, torchscript
from dejavu.models.checkpoints.layouts import recognize
from dejavu.run import odd_files

State = Mapping[str, Tensor]
KEYS_SHOWN = 5
DAMAGED = "It is damaged or of another kind: copy it anew, and compare its SHA-256 with the published one."
_LEGACY_START = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # of torch's format before 1.6
_OF_READERS = (
    RuntimeError, EOFError, ValueError, KeyError, AttributeError, OSError, TypeError, IndexError,
    AssertionError, NotImplementedError, MemoryError, OverflowError, RecursionError,
)  # fmt: skip
_OF_TORCH = ("torch.", "collections.", "_codecs.", "builtins.")


def _exclude_bias_and_norm(*_: object) -> bool:
    """Stand in for a function that VICReg's optimizer refers to; nobody calls it."""
    raise WeightsError("a checkpoint tried to call its optimizer's filter while it was read.")


_STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_exclude_bias_and_norm, "__main__.exclude_bias_and_norm"),
    (argparse.Namespace, "argparse.Namespace"),
]


def read(path: Path) -> Any:
    """Read a ``.safetensors`` or a file of `torch.save`, on the CPU, running nothing it pickles.

    Returns:
        What the file holds: a state dict, or dicts and lists around one.

    Raises:
        WeightsError: no such file, a damaged one, a TorchScript archive, or a pickle of anything but
            tensors and plain containers.
    """
    if path.is_dir():
        raise WeightsError(
            f"{path}: is a folder, expected a file; a program that unpacks zip files made it?"
        )
    if not path.is_file():
        hint = odd_files.pulled_by(path) or " `dejavu fetch` lists what can be downloaded."
        raise WeightsError(f"{path}: no such file.{hint}")
    if problem := odd_files.stand_in(path):
        raise WeightsError(f"{path}: {problem}")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if program := torchscript.program_of(path):
        raise WeightsError(f"{path}: {program}")
    listed = _looked_through(path)
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            contents = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except pickle.UnpicklingError:
        raise WeightsError(f"{path}: {_why_refused(path, listed)}") from None
    except _OF_READERS:
        raise WeightsError(f"{path}: not a readable checkpoint. {DAMAGED}") from None
    _refuse_expanded(contents, path)
    return contents


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, by which reports name the weights under audit."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tensors(value: Any, path: Path, *, what: str) -> dict[str, Tensor]:
    """Return `value` as a state dict of tensors by name.

    Raises:
        WeightsError: `value` is something else; the message guesses what the file is.
    """
    if isinstance(value, Mapping) and value:
        found = {k: v for k, v in value.items() if isinstance(v, Tensor) and isinstance(k, str)}
        if len(found) == len(value):
            _require_plain(found, path)
            return found
    raise WeightsError(f"{path}: expected {what}.{guess(value)}")


def without_prefix(state: State, *prefixes: str) -> dict[str, Tensor]:
    """Remove each of `prefixes` in turn from the names that have it."""
    names = {name: name for name in state}
    for prefix in prefixes:
        names = {name: rest.removeprefix(prefix) for name, rest in names.items()}
    return {rest: state[name] for name, rest in names.items()}


def split(
    state: State, path: Path, prefixes: tuple[str, ...], *, contents: Any
) -> tuple[dict[str, Tensor], ...]:
    """Divide a state dict by the first part of its names; the parts come without it.

    Raises:
        WeightsError: a part is empty, or a name has none of `prefixes`.
    """
    parts = tuple(
        {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        for prefix in prefixes
    )
    rest = [k for k in state if not k.startswith(prefixes)]
    empty = [prefix for prefix, part in zip(prefixes, parts, strict=True) if not part]
    if rest or empty:
        raise WeightsError(
            f"{path}: expected tensors named {', '.join(prefix + '*' for prefix in prefixes)}."
            f"{_listed('missing', [prefix + '*' for prefix in empty])}{_listed('unexpected', rest)}"
            f"{guess(contents)}"
        )
    return parts


def load_exactly(
    module: nn.Module, state: State, path: Path, *, contents: Any, refusing: str | None = None
) -> None:
    """Load `state` into `module`: every key, no other key, every shape; as float32.

    Only ``num_batches_tracked``, which old files lack and evaluation ignores, may be missing.

    Args:
        module: changed in place, and set to evaluation.
        state: tensors by the module's own names.
        path: the file, for messages.
        contents: what the file holds, from which a misfit guesses the right source.
        refusing: the source that is at work, which a guess never names.

    Raises:
        WeightsError: keys or shapes differ (the first missing and unexpected ones are listed), or a
            weight is not finite.
    """
    expected = module.state_dict()
    missing = [k for k in expected if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in expected]
    misshapen = [
        f"{k} {tuple(state[k].shape)} instead of {tuple(expected[k].shape)}"
        for k in expected
        if k in state and state[k].shape != expected[k].shape
    ]
    if missing or unexpected or misshapen:
        raise WeightsError(
            f"{path}: the weights do not fit.{_listed('missing', missing)}"
            f"{_listed('unexpected', unexpected)}{_listed('of another shape', misshapen)}"
            f"{guess(contents, refusing=refusing)}"
        )
    state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    broken = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise WeightsError(f"{path}: weights that are not finite numbers.{_listed('keys', broken)}")
    module.load_state_dict({**expected, **state})
    module.eval()


def guess(contents: Any, *, refusing: str | None = None) -> str:
    """Return " This looks like …: set source: …", or nothing if nothing is recognized.

    Advice never names the source `refusing`, which has just refused the file.
    """
    layout = recognize(contents)
    if layout is None:
        return ""
    if refusing is not None and re.search(rf"source: {refusing}\b", layout.advice):
        return f" It has names as in {layout.kind}, but other shapes or parts: of another size or class?"
    return f" {layout.advice}"


def _listed(what: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f", … ({len(keys)} in all)" if len(keys) > KEYS_SHOWN else ""
    return f"\n  {what}: {', '.join(keys[:KEYS_SHOWN])}{more}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, *_OF_READERS):
        raise WeightsError(f"{path}: not a readable .safetensors file. {DAMAGED}") from None


def _looked_through(path: Path) -> pickles.Contents:
    """Check sizes and checksums, and return what the file's pickle names."""
    n_bytes = path.stat().st_size
    try:
        if zipfile.is_zipfile(path):
            with archives.opened(path) as archive:
                root = next((n for n in archive.namelist() if n.endswith("/data.pkl")), None)
                if root is None:
                    raise WeightsError("a zip file without tensors of torch (no data.pkl).")
                with archive.open(root) as stream:
                    listed = pickles.examine(stream)
                archives.check(archive, path)
        else:
            with path.open("rb") as stream:
                start = stream.read(len(_LEGACY_START))
                if start[:1] != _LEGACY_START[:1]:
                    raise WeightsError(f"not a checkpoint of torch. {DAMAGED}")
                stream.seek(0)
                n_pickles = pickles.LEGACY_PICKLES if start == _LEGACY_START else 1
                listed = pickles.examine(stream, n_pickles=n_pickles)
        if listed.largest_storage > n_bytes:
            raise WeightsError(
                f"names a tensor of {listed.largest_storage:,} numbers, and has {n_bytes:,} bytes. {DAMAGED}"
            )
    except WeightsError as error:
        text = str(error)
        raise WeightsError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    return listed


def _why_refused(path: Path, listed: pickles.Contents) -> str:
    names = sorted(name for name in listed.names if not name.startswith(_OF_TORCH))
    try:
        names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path)) or names
    except (*_OF_READERS, pickle.UnpicklingError):
        pass  # only zip files can be listed by torch, which knows all that it lets through
    allowed = {entry[1] for entry in _STAND_INS if isinstance(entry, tuple)}
    names = [name for name in names if name not in allowed]
    if names:
        return (
            f"refers to code ({', '.join(names[:KEYS_SHOWN])}) that is never run here. If you trust the "
            "file, save its tensors as .safetensors elsewhere."
        )
    return f"not a checkpoint of plain tensors. {DAMAGED}"


def _tensors_in(contents: Any) -> Iterator[Tensor]:
    """Yield every tensor in nested containers, and none of them twice."""
    seen, todo = set[int](), [contents]
    while todo:
        value = todo.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            todo.extend(value.values() if isinstance(value, Mapping) else value)


def _refuse_expanded(contents: Any, path: Path) -> None:
    """Refuse tensors that say they are larger than what is stored of them: a copy would be as large."""
    for tensor in _tensors_in(contents):
        if tensor.layout != torch.strided or tensor.is_quantized:
            continue  # refused where it is used as a weight
        stored = tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > stored:
            raise WeightsError(
                f"{path}: a tensor of shape {tuple(tensor.shape)} of which {stored:,} bytes are stored. If "
                "that is meant, save it with .contiguous()."
            )


def _require_plain(state: State, path: Path) -> None:
    for name, tensor in state.items():
        kind = None
        if tensor.is_quantized:
            kind = "quantized"
        elif tensor.layout != torch.strided:
            kind = "sparse"
        elif tensor.is_complex() or tensor.is_meta or tensor.is_nested:
            kind = "complex" if tensor.is_complex() else "meta or nested"
        if kind is not None:
            raise WeightsError(
                f"{path}: {name!r} is a {kind} tensor, expected plain numbers. Save the weights of the "
                "network as it was before (dense, dequantized)."
            )
