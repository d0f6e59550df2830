"""ONNX files, run by ONNX Runtime on the CPU. Its operators are the runtime's own: no code of others runs."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models.encoders import programs
from dejavu.models.encoders.programs import Program
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import Source
from dejavu.models.provenance import Provenance
from dejavu.params.released import OnnxModel


def make(request: Request, out: Path) -> None:
    """Verify an ONNX file and write its folder: a copy of the file.

    Raises:
        ParamsError: it has no such output, or onnxruntime is not installed.
        WeightsError: it is missing, damaged, or takes something else than images.
    """
    settings = request.settings
    assert isinstance(settings, OnnxModel)
    programs.write(
        request, out, lambda path: _program(path, settings.output), kind="ONNX file",
        name=settings.output, libraries=SOURCE.libraries,
    )  # fmt: skip


def opened(place: Path, record: Provenance) -> Program:
    """Open the program in an encoder's folder."""
    name = record.name if record.origin is None else record.origin.get("name")
    return _program(place / Path(str(record.program)).name, name)


SOURCE = Source(make=make, network=None, libraries=("onnxruntime", "torch"), opened=opened)


def _program(path: Path, output: str | None) -> Program:
    session = _session(path)
    inputs, outputs = session.get_inputs(), {each.name: each for each in session.get_outputs()}
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs)
        raise WeightsError(
            f"{path}: takes {found}; expected one input (n, 3, size, size) of float32."
        )
    if output is None and len(outputs) > 1:
        raise ParamsError(f"{path}: has outputs {', '.join(outputs)}: say which with output.")
    wanted = output or next(iter(outputs))
    if wanted not in outputs:
        raise ParamsError(f"{path}: has no output {wanted!r}.{suggestion(wanted, outputs)}")
    n = inputs[0].shape[0]

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run([wanted], {inputs[0].name: images.numpy()})[0])

    return Program(run, batch=n if isinstance(n, int) else None)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ParamsError("source: onnx needs a package: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 - the runtime has an exception of its own for everything
        brief = str(error).splitlines()[0]
        raise WeightsError(
            f"{path}: not a whole ONNX file ({brief}). Save it with all tensors inside one file."
        ) from None
