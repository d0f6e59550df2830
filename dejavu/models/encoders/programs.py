"""Networks that are programs: a file that is run as it is, on batches of a size of its own."""

from collections.abc import Callable

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from dejavu.errors import WeightsError

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
