"""Annotators that look at pixels: one network names what crops show, and what whole images show.

A looker is loaded once and then shown images one after the other; what becomes of its findings (tags of
crops, objects of images, foreground boxes) is up to the caller.
"""

import dataclasses
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from PIL import Image

from dejavu.annotators.detections import Found
from dejavu.annotators.source import CropSource
from dejavu.errors import ParamsError, suggestion
from dejavu.params.annotators import LookerParams
from dejavu.params.machine import MachineParams

LOOKERS = {
    "tagger": "dejavu.annotators.tagger:load",
    "grounded_sam": "dejavu.annotators.grounded_sam:load",
    "detic": "dejavu.annotators.detic:load",
}


@runtime_checkable
class Looker(Protocol):
    """A network with its names; picklable, so that shards can be looked at elsewhere."""

    vocabulary: Sequence[str]  # distinct names; the position of a name is its id
    provenance: Mapping[str, str]  # fingerprint of every file that decides what is found

    def look(self, images: Iterable[Image.Image]) -> Iterator[Found]:
        """Yield what each RGB image shows, in order."""


def load(settings: LookerParams, machine: MachineParams) -> Looker:
    """Load the network that `settings` describe.

    Raises:
        ParamsError: the source is unknown, or needs a package that is not installed.
        WeightsError: the weights are not what `settings` say.
        DataError: the names cannot be read.
    """
    if settings.source not in LOOKERS:
        raise ParamsError(
            f"No network called {settings.source!r}.{suggestion(settings.source, LOOKERS)}"
        )
    module, _, name = LOOKERS[settings.source].partition(":")
    looker: Looker = getattr(importlib.import_module(module), name)(settings, machine)
    return looker


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CropLooker:
    """Tags crops by what a looker finds in them."""

    looker: Looker
    source: CropSource
    workers: int
    num_gpus: float
    columns: tuple[str, ...] = ("uri",)
    crops_per_shard: int = 2_048  # minutes of work for a large network on a GPU
    known: np.ndarray | None = None  # all crops

    @property
    def vocabulary(self) -> Sequence[str]:
        """The looker's names."""
        return self.looker.vocabulary

    @property
    def provenance(self) -> Mapping[str, str]:
        """The looker's files."""
        return self.looker.provenance

    def tag(self, crops: pa.Table) -> tuple[list[list[int]], list[list[float]]]:
        """Return the names found in each crop, best first, with the score of the best detection."""
        tag_ids: list[list[int]] = []
        scores: list[list[float]] = []
        for found in self.looker.look(self.source.opened(crops, workers=self.workers)):
            names, best = found.names()
            tag_ids.append(names.tolist())
            scores.append(best.tolist())
        return tag_ids, scores


def prepare(
    settings: LookerParams,
    source: CropSource,
    *,
    seed: int,  # noqa: ARG001  # every annotator is given one; networks in evaluation draw nothing
    machine: MachineParams,
) -> CropLooker:
    """Load a network that tags the crops of `source`."""
    return CropLooker(
        looker=load(settings, machine), source=source, workers=machine.workers,
        num_gpus=gpus_per_worker(machine),
    )  # fmt: skip


def gpus_per_worker(machine: MachineParams) -> float:
    """Return how many GPUs one Ray worker needs."""
    from dejavu.models import devices

    return devices.gpus_per_worker(machine.device)
