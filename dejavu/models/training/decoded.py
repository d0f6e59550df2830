"""Views of images that are decoded when they are asked for, by worker processes."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float32, Int
from torch import Tensor

from dejavu.models.pixels import Reader
from dejavu.models.training import published
from dejavu.models.training.augment import normalized
from dejavu.models.training.team import Team
from dejavu.run import seeds

CHUNK = 64  # images that a worker decodes at once; small, so that all workers share a large batch
_Asked = tuple[
    list[int], int, int
]  # images, the place of the first one in the epoch, the epoch's seed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where images are, and what is drawn of them."""

    uris: Sequence[str]
    images: Path  # folder that stage ``corpus`` described
    data_root: str
    transforms: list[published.Transform]


class PublishedViews:
    """Views by `dejavu.models.training.published`; what is drawn depends on epoch and place alone.

    So neither the number of workers or processes nor a resumed training changes a view.
    """

    def __init__(self, source: Source, *, workers: int, team: Team) -> None:
        self._drawer, self._workers, self._team = _Drawer(source), workers, team

    def batches(
        self,
        rows: Int[Tensor, " m"],
        batch_size: int,
        generator: torch.Generator,  # noqa: ARG002 - of whole batches of views
        seed: int,
    ) -> Iterator[list[Float32[Tensor, "n 3 _ _"]]]:
        """Yield views, see `dejavu.models.training.views.Views`."""
        device, part = self._team.device, self._team.part
        n = batch_size // part.size
        asked = _Chunks(part.rows(rows, batch_size), n, part.rank * n, batch_size, seed)
        loader = torch.utils.data.DataLoader(
            self._drawer, sampler=asked, batch_size=None, num_workers=self._workers,
            pin_memory=device.type == "cuda",
        )  # fmt: skip
        parts: list[list[Tensor]] = []
        for views in loader:
            parts.append([normalized(view.to(device, non_blocking=True)) for view in views])
            if sum(len(each[0]) for each in parts) == n:
                yield [torch.cat(kind) for kind in zip(*parts, strict=True)]
                parts = []


class _Chunks(torch.utils.data.Sampler[_Asked]):
    """What workers are asked for, one after the other; listed at once it would take gigabytes."""

    def __init__(
        self, rows: Int[Tensor, " m"], n: int, offset: int, batch_size: int, seed: int
    ) -> None:
        self._rows, self._n, self._seed = rows, n, seed
        self._offset, self._batch_size = offset, batch_size

    def __iter__(self) -> Iterator[_Asked]:
        for batch, mine in enumerate(self._rows.split(self._n)):
            place = batch * self._batch_size + self._offset
            for start in range(0, len(mine), CHUNK):
                yield mine[start : start + CHUNK].tolist(), place + start, self._seed


class _Drawer(torch.utils.data.Dataset[list[Tensor]]):
    """Draws views; each worker process opens a reader of its own."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader: Reader | None = None

    def __getitem__(self, asked: _Asked) -> list[Tensor]:
        if self._reader is None:
            from dejavu.corpora.image_reader import ImageReader

            self._reader = ImageReader.open(self._source.images, self._source.data_root)
        rows, place, seed = asked
        views = [
            published.drawn(
                self._reader.read(self._source.uris[row]), self._source.transforms,
                seeds.number(seed, f"view.{place + i}"),
            )
            for i, row in enumerate(rows)
        ]  # fmt: skip
        return [torch.stack(kind) for kind in zip(*views, strict=True)]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_reader": None}
