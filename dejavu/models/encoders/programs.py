"""Networks that are programs: a file that is run as it is, on batches of a size of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from dejavu.errors import DejavuError, ParamsError, WeightsError
from dejavu.models import folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import pooled
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import require_layers
from dejavu.models.provenance import Provenance
from dejavu.params.networks import ModuleLayer
from dejavu.params.released import OnnxModel, TorchExportModel
from dejavu.run import outside

# The program's own vectors as layer `backbone`, and those of modules inside it
Run = Callable[[Float32[Tensor, "n 3 h w"]], Mapping[str, Tensor]]
Modules = Mapping[str, ModuleLayer]  # further layers by name


class Program(nn.Module):
    """Runs a program on the CPU; the last batch is filled up where the program takes a fixed number."""

    def __init__(self, run: Run, *, batch: int | None) -> None:
        super().__init__()
        self._run, self._batch = run, batch

    def forward(self, images: Float32[Tensor, "n 3 h w"]) -> dict[str, Float32[Tensor, "n _"]]:
        """Return the vectors of every layer under its name."""
        images = images.detach().to("cpu", torch.float32).contiguous()
        step = self._batch or len(images)
        parts = []
        for start in range(0, len(images), step):
            some = images[start : start + step]
            filled = torch.cat([some, some[-1:].expand(step - len(some), -1, -1, -1)])
            found = self._run(filled)
            parts.append({layer: vectors[: len(some)] for layer, vectors in found.items()})
        return {layer: torch.cat([part[layer] for part in parts]) for layer in parts[0]}


def write(
    settings: EncoderSettings,
    out: Path,
    program: Path,
    open_file: Callable[[Path, Modules], Program],
    *,
    kind: str,
    libraries: Sequence[str],
    name: str | None = None,
) -> None:
    """Verify a program, and write its folder: a copy of the file.

    Args:
        settings: what is asked for; the section states how images are prepared.
        out: the folder to make.
        program: the file that is copied: the one that the section names, or that one with all that it needs.
        open_file: opens a file as a program with some modules as further layers.
        kind: of the file, as provenance names it.
        libraries: whose versions decide its vectors.
        name: of the output that is the vector, where a program may have several.

    Raises:
        ParamsError: a layer is asked for that it does not have.
        WeightsError: it is damaged, or takes something else than images.
    """
    entry = settings.entry
    assert isinstance(entry, OnnxModel | TorchExportModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    seen = Preprocessing.stated(entry.preprocessing)
    layers = lengths(open_file(program, entry.modules), seen.size_px)
    require_layers(settings, layers)
    record = settings.described(
        name=name,
        file={"name": path.name, "sha256": checkpoints.sha256(path), "kind": kind},
        layers=layers,
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    folder.write_program(out, program, record.as_dict(), libraries=libraries)


def file_of(settings: EncoderSettings) -> Path:
    """Return the file that a section names under ``weights``.

    Raises:
        WeightsError: it is not there.
    """
    entry = settings.entry
    assert isinstance(entry, OnnxModel | TorchExportModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file.")
    return path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of a file before what is said of it."""
    try:
        yield
    except (ParamsError, WeightsError) as error:
        said = str(error)
        raise type(error)(said if said.startswith("image.") else f"{path}: {said}") from None


def origin_of(record: Provenance) -> Provenance:
    """Return the record that says what a program was opened with: of an adopted folder, its own."""
    return record if record.origin is None else Provenance.from_dict(record.origin)


def lengths(program: Program, size_px: int) -> dict[str, int]:
    """Return the length of the vectors of each layer, from one pass over two black images.

    Raises:
        ParamsError: the output of a module cannot be pooled as stated.
        WeightsError: it takes no such images, or gives something else than a vector per image.
    """
    try:
        found = program(torch.zeros(2, 3, size_px, size_px))
    except DejavuError:
        raise
    except Exception as error:  # noqa: BLE001 - a program of others may raise anything
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"the program takes no images of {size_px} pixels ({brief}).") from None
    for layer, vectors in found.items():
        if vectors.ndim != 2 or len(vectors) != 2 or not vectors.is_floating_point():
            what = "the program" if layer == "backbone" else f"modules.{layer}: the module"
            raise WeightsError(
                f"{what} gives {tuple(vectors.shape)} of {vectors.dtype} for two images, "
                "expected (2, length)."
            )
    return {layer: int(vectors.shape[1]) for layer, vectors in found.items()}
