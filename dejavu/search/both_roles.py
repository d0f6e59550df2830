"""Searches of one model for the roles that are attacked, and for the role reference where it needs them.

Both models of a pair that is trained here attack the reference role as well (docs/method.md, ours). The
crossover needs it, and samples that a target model was not trained on join control in the list. Nothing
else does: the references' guesses on samples that they were trained on would be worth nothing.
"""

import dataclasses
import shutil
from pathlib import Path

from dejavu.search import neighbors
from dejavu.search.searches import Pair


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Searches:
    """What one model looks for."""

    attacked: tuple[Pair, ...]  # for target and control
    reference: tuple[Pair, ...]  # for the role reference; empty without a pair


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the stage makes of one model."""

    neighbors: Path  # folder of ``<names>/part-*.parquet``, table ``neighbors``, target and control
    recall: Path  # JSON, see `dejavu.search.recalls`
    reference: Path  # folder like `neighbors`, of the role reference; empty without a pair


def find(*, settings: neighbors.NeighborSettings, inputs: Searches, out: Files) -> None:
    """Write the neighbors of every search, and the recall of those for target and control.

    Raises:
        ArtifactError, ParamsError: see `dejavu.search.neighbors.find`.
    """
    neighbors.find(
        settings=settings,
        inputs=inputs.attacked,
        out=neighbors.NeighborFiles(neighbors=out.neighbors, recall=out.recall),
    )
    if inputs.reference:
        neighbors.find(
            settings=dataclasses.replace(settings, model=f"{settings.model} on the reference role"),
            inputs=inputs.reference,
            out=neighbors.NeighborFiles(neighbors=out.reference),
        )
    else:
        shutil.rmtree(out.reference, ignore_errors=True)
        out.reference.mkdir(parents=True)
