"""Networks of the user's own class: a function returns them. It runs only where params.yaml allows it.

The .py files are kept with the weights, so that later stages build the network from the code that was
verified.
"""

import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.encoders import pooled
from dejavu.models.encoders.networks import seeded
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source, write
from dejavu.models.encoders.state_dict import without
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import FactoryModel
from dejavu.run import outside

CODE = "code"  # folder of an encoder's folder
MAX_FILES = 1_000
MAX_BYTES = 16_000_000
_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Build the network, load its weights, and write both with the code.

    Raises:
        ParamsError: there is no such function, or it fails.
        WeightsError: the weights are missing, damaged, or not all of them have a place.
    """
    entry = settings.entry
    assert isinstance(entry, FactoryModel)
    root = settings.machine.data_folder
    folder = outside.located(root, entry.code)
    code = _python_files(folder)
    network = _network(entry.factory, folder)
    file = None
    if entry.weights is not None:
        path = outside.located(root, entry.weights)
        contents = checkpoints.read(path)
        state = unwrapped(
            contents, path, what="a state dict of tensors", state_dict=entry.state_dict,
            prefix=entry.prefix,
        )  # fmt: skip
        state = without(state, entry.ignore, path)
        checkpoints.load_exactly(network, state, path, contents=contents, refusing="factory")
        file = {"name": path.name, "sha256": checkpoints.sha256(path)}
    seen = Preprocessing.stated(entry.preprocessing)
    made = pooled.measured(network, seen.size_px, entry.modules)
    record = settings.described(
        name=entry.factory,
        file=file,
        files=tuple(
            {"name": name, "sha256": checkpoints.sha256(path)} for name, path in code.items()
        ),
        layers=made.layers,
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    write(settings, out, network=made, record=record, libraries=SOURCE.libraries)
    for name, path in code.items():
        (out / CODE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / CODE / name)


def opened(place: Path, record: Provenance) -> PooledNetwork:
    """Build the network of an encoder's folder from the code in it, with its weights.

    Raises:
        WeightsError: the code was changed.
    """
    for each in record.files or ():
        if checkpoints.sha256(place / CODE / each["name"]) != each["sha256"]:
            raise WeightsError(f"{place / CODE / each['name']}: changed. Run `dvc repro` again.")
    made = pooled.of_record(_network(str(record.name), place / CODE), record)
    folder.load_weights(place, made)
    return made


SOURCE = Source(make=make, network=None, libraries=("torch",), opened=opened, runs_code=True)


def _python_files(root: Path) -> dict[str, Path]:
    if not root.is_dir():
        raise ParamsError(f"{root}: no such folder; code names the one that the package lies in.")
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
    n_bytes = sum(path.stat().st_size for path in files.values())
    if not files or len(files) > MAX_FILES or n_bytes > MAX_BYTES:
        raise ParamsError(
            f"{root}: holds {len(files)} .py files of {n_bytes:,} bytes, expected 1 to {MAX_FILES:,} of "
            f"at most {MAX_BYTES:,}. Name a folder of the network's code alone."
        )
    return files


def _network(factory: str, code: Path) -> nn.Module:
    match = _NAME.fullmatch(factory)
    if match is None:
        raise ParamsError(f"factory {factory!r}: expected package.module:function.")
    with _importable(code):
        try:
            function = getattr(importlib.import_module(match[1]), match[2])
            if not callable(function):
                raise TypeError(f"{match[2]} is no function")
            made = seeded(0, function)
        except Exception as error:  # noqa: BLE001 - it is code of others, which may raise anything
            brief = str(error).splitlines()[0] if str(error) else ""
            raise ParamsError(
                f"factory {factory!r} with code in {code}: {type(error).__name__}: {brief}"
            ) from None
    if not isinstance(made, nn.Module):
        raise ParamsError(
            f"factory {factory!r}: returns {type(made).__name__}, expected a module of torch."
        )
    return made.eval()


@contextmanager
def _importable(code: Path) -> Iterator[None]:
    """Let modules of a folder be imported, and forget them: another folder may have the same names."""
    root = code.resolve()
    before = list(sys.path)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.path[:] = before
        sys.dont_write_bytecode = writes
        for name, module in list(sys.modules.items()):
            place = getattr(module, "__file__", None)
            if place and Path(place).resolve().is_relative_to(root):
                del sys.modules[name]
