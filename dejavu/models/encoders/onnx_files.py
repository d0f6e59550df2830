"""ONNX files as the package of that name reads them: what they are made of, and all of one in one file.

ONNX Runtime runs a file and cannot say what is in it. The package is needed for layers inside a program, and
for files whose tensors lie in another file beside them.
"""

import ast
from pathlib import Path
from typing import Any

from dejavu.errors import ParamsError, WeightsError
from dejavu.models.encoders.program_values import Step

_SCOPES = "pkg.torch.onnx.name_scopes"  # of torch's exporter: modules, the outermost first


def write_whole(path: Path, out: Path) -> None:
    """Write a file and the tensors that lie beside it as one file.

    Raises:
        ParamsError: the package is not installed.
        WeightsError: tensors are missing, or too large for one file.
    """
    model = _loaded(path, why="tensors in another file")
    import onnx

    try:
        onnx.save_model(model, str(out), save_as_external_data=False)
    except ValueError as error:
        raise WeightsError(f"does not fit into one file ({error}).") from None


def parts(path: Path) -> tuple[Any, list[Step]]:
    """Return a file as the package reads it, and its operations with the modules that they came from.

    Raises:
        ParamsError: the package is not installed.
        WeightsError: the file is damaged.
    """
    model = _loaded(path, why="layers inside it")
    steps = [
        Step(
            makes=tuple(filter(None, node.output)),
            takes=frozenset(node.input),
            modules=dict.fromkeys(_modules(node), ""),
        )
        for node in model.graph.node
    ]
    return model, steps


def with_outputs(model: Any, values: list[str]) -> bytes:
    """Return a program that returns some of its values, too."""
    import onnx

    there = {each.name for each in model.graph.output}
    for value in dict.fromkeys(values):
        if value not in there:
            model.graph.output.append(onnx.ValueInfoProto(name=value))
    program: bytes = model.SerializeToString()
    return program


def _loaded(path: Path, *, why: str) -> Any:
    try:
        import onnx
    except ImportError:
        raise ParamsError(f"an ONNX file with {why} needs a package: pip install onnx") from None
    try:
        return onnx.load(str(path))
    except Exception as error:  # noqa: BLE001 - protobuf and the package have exceptions of their own
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"not a whole ONNX file ({brief}).") from None


def _modules(node: Any) -> list[str]:
    """Return the modules that an operation is part of, by the names that torch's exporters leave.

    The newer one keeps a list; of the older one, ``/layer1/layer1.0/conv/Conv`` is of ``layer1.0.conv``: the
    children of a sequence repeat its name.
    """
    said = next((each.value for each in node.metadata_props if each.key == _SCOPES), None)
    if said is not None:
        try:
            return [each for each in ast.literal_eval(said)[:-1] if isinstance(each, str) and each]
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return []
    if not node.name.startswith("/"):
        return []
    names: list[str] = []
    before = ""
    for part in node.name.split("/")[1:-1]:
        own = part.removeprefix(f"{before}.") if before else part
        names.append(f"{names[-1]}.{own}" if names else own)
        before = part
    return names
