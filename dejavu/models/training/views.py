"""Where the views of a training come from: batch by batch, in the order asked for."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float32, Int
from torch import Tensor

from dejavu.models.pixels import TrainingImages
from dejavu.models.training.augment import View, draw
from dejavu.models.training.team import Team


@runtime_checkable
class Views(Protocol):
    """What draws the views that a loss is computed from."""

    def batches(
        self, rows: Int[Tensor, " m"], batch_size: int, generator: torch.Generator, seed: int
    ) -> Iterator[list[Float32[Tensor, "n 3 _ _"]]]:
        """Yield this process' part of each batch: normalized views, of each kind one per image.

        Args:
            rows: the epoch's images in order, of all processes.
            batch_size: of all processes; divides the number of rows.
            generator: a CPU generator in the same state in each process.
            seed: of the epoch.
        """
        ...


class SmallViews:
    """Fast views of squares: whole batches on the device, see `dejavu.models.training.augment`."""

    def __init__(self, images: TrainingImages, kinds: Sequence[View], team: Team) -> None:
        self._images, self._kinds, self._team = images, kinds, team

    def batches(
        self,
        rows: Int[Tensor, " m"],
        batch_size: int,
        generator: torch.Generator,
        seed: int,  # noqa: ARG002 - the generator tells it
    ) -> Iterator[list[Float32[Tensor, "n 3 _ _"]]]:
        """Yield views, see `Views`."""
        part = self._team.part
        for batch in self._images.batches(part.rows(rows, batch_size), batch_size // part.size):
            pixels = batch.to(self._team.device).float()
            yield [draw(pixels, kind, generator, part) for kind in self._kinds]
