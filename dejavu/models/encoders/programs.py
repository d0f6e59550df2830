"""Networks that are programs: a file that is run as it is, on batches of a size of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from dejavu.errors import WeightsError
from dejavu.models import folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import require_layers
from dejavu.params.released import OnnxModel, TorchExportModel

Run = Callable[[Float32[Tensor, "n 3 h w"]], Tensor]


class Program(nn.Module):
    """Runs a program on the CPU; the last batch is filled up where the program takes a fixed number."""

    def __init__(self, run: Run, *, batch: int | None) -> None:
        super().__init__()
        self._run, self._batch = run, batch

    def forward(self, images: Float32[Tensor, "n 3 h w"]) -> dict[str, Float32[Tensor, "n dim"]]:
        """Return the program's vectors as layer ``backbone``."""
        images = images.detach().to("cpu", torch.float32).contiguous()
        step = self._batch or len(images)
        parts = []
        for start in range(0, len(images), step):
            some = images[start : start + step]
            filled = torch.cat([some, some[-1:].expand(step - len(some), -1, -1, -1)])
            parts.append(self._run(filled)[: len(some)])
        return {"backbone": torch.cat(parts)}


def write(
    request: Request,
    out: Path,
    open_file: Callable[[Path], Program],
    *,
    kind: str,
    libraries: Sequence[str],
    name: str | None = None,
) -> None:
    """Verify the program that a section names under ``weights``, and write its folder: a copy of the file.

    Args:
        request: what is asked for; the section states how images are prepared.
        out: the folder to make.
        open_file: opens a file as a program.
        kind: of the file, as provenance names it.
        libraries: whose versions decide its vectors.
        name: of the output that is the vector, where a program may have several.

    Raises:
        ParamsError: a layer is asked for that it does not have.
        WeightsError: it is missing, damaged, or takes something else than images.
    """
    settings = request.settings
    assert isinstance(settings, OnnxModel | TorchExportModel)
    path = request.machine.data_folder / settings.weights
    if not path.is_file():
        raise WeightsError(f"{path}: no such file.")
    seen = Preprocessing.stated(settings.preprocessing)
    try:
        layers = {"backbone": length(open_file(path), seen.size_px)}
    except WeightsError as error:
        raise WeightsError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    require_layers(request, layers)
    record = request.described(
        name=name,
        file={"name": path.name, "sha256": checkpoints.sha256(path), "kind": kind},
        layers=layers,
        preprocessing=seen,
    )
    folder.write_program(out, path, record.as_dict(), libraries=libraries)


def length(program: Program, size_px: int) -> int:
    """Return the length of a program's vectors, from one pass over two black images.

    Raises:
        WeightsError: it takes no such images, or gives something else than a vector per image.
    """
    try:
        found = program(torch.zeros(2, 3, size_px, size_px))["backbone"]
    except Exception as error:  # noqa: BLE001 - a program of others may raise anything
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"the program takes no images of {size_px} pixels ({brief}).") from None
    if found.ndim != 2 or len(found) != 2 or not found.is_floating_point():
        raise WeightsError(
            f"the program gives {tuple(found.shape)} of {found.dtype} for two images, expected (2, length)."
        )
    return int(found.shape[1])
