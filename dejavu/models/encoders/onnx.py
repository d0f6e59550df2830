"""ONNX files, run by ONNX Runtime on the CPU. Its operators are the runtime's own: no code of others runs.

A layer may be a module of the network that the file was exported from, or any value by its name: the program
then returns that one, too.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models.encoders import onnx_files, pooled, programs
from dejavu.models.encoders.program_values import value_of
from dejavu.models.encoders.programs import Modules, Program
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import OnnxModel


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify an ONNX file and write its folder: a copy of the file, with all tensors inside.

    Raises:
        ParamsError: it has no such output or module, or a package is not installed.
        WeightsError: it is missing, damaged, or takes something else than images.
    """
    entry = settings.entry
    assert isinstance(entry, OnnxModel)
    path = programs.file_of(settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch, programs.naming(path):
        whole = _whole(path, Path(scratch) / "program.onnx")
        programs.write(
            settings, out, whole,
            lambda file, modules: _program(file, entry.output, modules),
            kind="ONNX file", name=entry.output, libraries=SOURCE.libraries,
        )  # fmt: skip


def opened(place: Path, record: Provenance) -> Program:
    """Open the program in an encoder's folder."""
    origin = programs.origin_of(record)
    path = place / Path(str(record.program)).name
    with programs.naming(path):
        return _program(path, origin.name, pooled.modules_of(origin))


SOURCE = Source(make=make, network=None, libraries=("onnxruntime", "torch"), opened=opened)


def _whole(path: Path, copy: Path) -> Path:
    """Copy a file, with the tensors that lie beside it, if it does not hold all of them."""
    _session(path)  # says what is wrong with the file before anything is done to it
    shutil.copyfile(path, copy)
    try:
        _session(copy)
    except WeightsError:
        onnx_files.write_whole(path, copy)
    return copy


def _program(path: Path, output: str | None, modules: Modules) -> Program:
    session = _session(path)
    outputs = [each.name for each in session.get_outputs()]
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs)
        raise WeightsError(f"takes {found}; expected one input (n, 3, size, size) of float32.")
    if output is None and len(outputs) > 1:
        raise ParamsError(f"has outputs {', '.join(outputs)}: say which with output.")
    wanted = output or outputs[0]
    if wanted not in outputs:
        raise ParamsError(f"has no output {wanted!r}.{suggestion(wanted, outputs)}")
    values = {}
    if modules:
        model, steps = onnx_files.parts(path)
        values = {
            layer: value_of(each.module, layer, steps, outputs) for layer, each in modules.items()
        }
        session = _session(onnx_files.with_outputs(model, list(values.values())))
    n = inputs[0].shape[0]

    def run(images: Tensor) -> Mapping[str, Tensor]:
        names = list(dict.fromkeys([wanted, *values.values()]))
        found = session.run(names, {inputs[0].name: images.numpy()})
        of_value = dict(zip(names, map(torch.from_numpy, found), strict=True))
        inside = {
            layer: pooled.pool(of_value[value], layer, modules[layer])
            for layer, value in values.items()
        }
        return {"backbone": of_value[wanted], **inside}

    return Program(run, batch=n if isinstance(n, int) else None)


def _session(program: Path | bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ParamsError("source: onnx needs a package: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            program if isinstance(program, bytes) else str(program), sess_options=options,
            providers=["CPUExecutionProvider"],
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - the runtime has an exception of its own for everything
        brief = str(error).splitlines()[0]
        raise WeightsError(
            f"not a whole ONNX file ({brief}). If its tensors lie in another file, copy that, too."
        ) from None
