"""Programs of torch.export (.pt2). Reading one runs what it pickles: only where params.yaml allows it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dejavu.errors import WeightsError
from dejavu.models.encoders import programs
from dejavu.models.encoders.programs import Program
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import Source
from dejavu.models.provenance import Provenance


def make(request: Request, out: Path) -> None:
    """Verify a program and write its folder: a copy of the file.

    Raises:
        WeightsError: it is missing, damaged, or takes something else than images.
    """
    programs.write(request, out, _program, kind="torch.export", libraries=SOURCE.libraries)


def opened(place: Path, record: Provenance) -> Program:
    """Open the program in an encoder's folder."""
    return _program(place / Path(str(record.program)).name)


SOURCE = Source(make=make, network=None, libraries=("torch",), opened=opened, runs_code=True)


def _program(path: Path) -> Program:
    try:
        exported = torch.export.load(path)
        batch = _batch(exported)
        module = exported.module()
    except Exception as error:  # noqa: BLE001 - it runs code of others, which may raise anything
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: not a whole program of torch.export ({brief}).") from None

    def run(images: Tensor) -> Tensor:
        found: Tensor = module(images)
        return found

    return Program(run, batch=batch)


def _batch(exported: Any) -> int | None:
    """Return the number of images that a program takes at once; None: any number."""
    name = exported.graph_signature.user_inputs[0]
    node = next(node for node in exported.graph.nodes if node.name == name)
    size = node.meta["val"].shape[0]
    return size if isinstance(size, int) else None
