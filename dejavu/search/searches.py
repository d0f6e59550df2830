"""Which searches each lane makes: the attacked vectors, the bank they search, and the names of the result."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dejavu.search.similarity import Metric
from dejavu.tables.partitions import partition
from dejavu.tables.views import CROP, PUBLIC_IMAGE, VIEWS_OF_MODE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One search: who searches where, by which similarity."""

    queries: Path  # table ``embeddings`` of the attacked samples
    bank: Path  # the same of public samples
    metric: Metric
    names: Mapping[str, str]  # what tells this search from the others of its model

    @property
    def folder(self) -> Path:
        """Return where the neighbors lie, below the folder of the model."""
        return partition(**self.names)


def of_images(
    embeddings: Path,
    layers: Iterable[str],
    metrics: Iterable[Metric],
    *,
    crops: str = CROP,
) -> tuple[Pair, ...]:
    """Return the searches of an image model: crops among public images, in each layer and metric.

    Args:
        embeddings: folder that stage ``embed`` made of the model.
        layers: its layers.
        metrics: ``image.neighbors.metrics``.
        crops: the view that searches, ``crop`` or ``reference_crop``.
    """
    return tuple(
        Pair(
            queries=embeddings / partition(layer=layer, view=crops),
            bank=embeddings / partition(layer=layer, view=PUBLIC_IMAGE),
            metric=metric,
            names={"layer": layer, "metric": metric},
        )
        for layer, metric in itertools.product(layers, metrics)
    )


def of_captions(
    embeddings: Path, modes: Iterable[str], *, captions: str | None = None
) -> tuple[Pair, ...]:
    """Return the searches of a caption model: captions among public images, or public captions.

    Args:
        embeddings: folder that stage ``embed_captions`` made of the model.
        modes: of the model.
        captions: the view that searches, ``reference_caption``; None: the one of each mode.
    """
    return tuple(_of_captions(embeddings, modes, captions))


def _of_captions(embeddings: Path, modes: Iterable[str], captions: str | None) -> Iterator[Pair]:
    for mode in modes:
        own, public = VIEWS_OF_MODE[mode]
        yield Pair(
            queries=embeddings / partition(view=captions or own),
            bank=embeddings / partition(view=public),
            metric="cosine",
            names={"mode": mode},
        )
