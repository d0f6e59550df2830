"""Which searches each lane makes: the attacked vectors, the bank they search, and the names of the result."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dejavu.search.similarity import Metric
from dejavu.tables.partitions import partition
from dejavu.tables.views import (
    CROP,
    PUBLIC_IMAGE,
    REFERENCE_CAPTION,
    REFERENCE_CROP,
    VIEWS_OF_MODE,
)


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
    reference: Path | None = None,
) -> tuple[Pair, ...]:
    """Return the searches of an image model: crops among public images, in each layer and metric.

    Args:
        embeddings: folder that stage ``embed`` made of the model.
        layers: its layers.
        metrics: ``image.neighbors.metrics``.
        reference: folder with the view ``reference_crop`` of each layer; those crops search instead.
    """
    crops, view = (embeddings, CROP) if reference is None else (reference, REFERENCE_CROP)
    return tuple(
        Pair(
            queries=crops / partition(layer=layer, view=view),
            bank=embeddings / partition(layer=layer, view=PUBLIC_IMAGE),
            metric=metric,
            names={"layer": layer, "metric": metric},
        )
        for layer, metric in itertools.product(layers, metrics)
    )


def of_captions(
    embeddings: Path, modes: Iterable[str], *, reference: Path | None = None
) -> tuple[Pair, ...]:
    """Return the searches of a caption model: captions among public images, or public captions.

    Args:
        embeddings: folder that stage ``embed_captions`` made of the model.
        modes: of the model.
        reference: folder with the view ``reference_caption``; those captions search instead.
    """
    return tuple(_of_captions(embeddings, modes, reference))


def _of_captions(embeddings: Path, modes: Iterable[str], reference: Path | None) -> Iterator[Pair]:
    for mode in modes:
        caption, public = VIEWS_OF_MODE[mode]
        own = embeddings / partition(view=caption)
        yield Pair(
            queries=own if reference is None else reference / partition(view=REFERENCE_CAPTION),
            bank=embeddings / partition(view=public),
            metric="cosine",
            names={"mode": mode},
        )
