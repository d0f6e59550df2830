"""Programs of torch.export (.pt2). Reading one runs what it pickles: only where params.yaml allows it.

A program has no modules. The names of those that its operations came from are kept with it, so that a layer
can be a module: the value with which it ends is watched while the program is run operation by operation.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from dejavu.errors import WeightsError
from dejavu.models.encoders import pooled, programs
from dejavu.models.encoders.program_values import Step, value_of
from dejavu.models.encoders.programs import Modules, Program
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify a program and write its folder: a copy of the file.

    Raises:
        ParamsError: it has no such module.
        WeightsError: it is missing, damaged, or takes something else than images.
    """
    path = programs.file_of(settings)
    with programs.naming(path):
        programs.write(
            settings, out, path, _program, kind="torch.export", libraries=SOURCE.libraries
        )


def opened(place: Path, record: Provenance) -> Program:
    """Open the program in an encoder's folder."""
    modules = pooled.modules_of(programs.origin_of(record))
    path = place / Path(str(record.program)).name
    with programs.naming(path):
        return _program(path, modules)


SOURCE = Source(make=make, network=None, libraries=("torch",), opened=opened, runs_code=True)


class _Watched(fx.Interpreter):
    """Runs a program operation by operation, and keeps what some of them make, pooled at once."""

    def __init__(self, module: fx.GraphModule, modules: Modules) -> None:
        super().__init__(module)
        self._modules = modules
        steps = _steps(module.graph)
        outputs = {node.name for node in module.graph.output_node().all_input_nodes}
        self._layers = {
            layer: value_of(wanted.module, layer, steps, outputs)
            for layer, wanted in modules.items()
        }
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run an operation, before a later one may change what it made in place."""
        found = super().run_node(n)
        for layer, value in self._layers.items():
            if n.name == value:
                self.seen[layer] = pooled.pool(found, layer, self._modules[layer])
        return found


def _program(path: Path, modules: Modules) -> Program:
    try:
        exported = torch.export.load(path)
        batch = _batch(exported)
        module = exported.module()
    except Exception as error:  # noqa: BLE001 - it runs code of others, which may raise anything
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"not a whole program of torch.export ({brief}).") from None
    watched = _Watched(module, modules) if modules else None

    def run(images: Tensor) -> Mapping[str, Tensor]:
        if watched is None:
            return {"backbone": module(images)}
        return {"backbone": watched.run(images), **watched.seen}

    return Program(run, batch=batch)


def _steps(graph: fx.Graph) -> list[Step]:
    """Return the operations that make tensors, each with the modules that it came from."""
    steps = []
    for node in graph.nodes:
        if node.op == "call_function" and not isinstance(node.meta.get("val"), int | torch.SymInt):
            stack = node.meta.get("nn_module_stack") or {}
            steps.append(
                Step(
                    makes=(node.name,),
                    takes=frozenset(each.name for each in node.all_input_nodes),
                    modules={name: run for run, (name, _) in stack.items() if name},
                )
            )
    return steps


def _batch(exported: Any) -> int | None:
    """Return the number of images that a program takes at once; None: any number."""
    name = exported.graph_signature.user_inputs[0]
    node = next(node for node in exported.graph.nodes if node.name == name)
    size = node.meta["val"].shape[0]
    return size if isinstance(size, int) else None
