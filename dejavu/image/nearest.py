"""Find the nearest public images of the crops that one network attacks.

Both models of a pair that is trained here attack the reference role as well (docs/method.md, ours).
The crossover needs it, and samples that a target model was not trained on join control in the list. Nothing
else does: the references' guesses on the samples that they were trained on would be worth nothing.
"""

import dataclasses
import shutil
from pathlib import Path

from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams
from dejavu.roles import is_paired
from dejavu.search import neighbors, searches
from dejavu.tables.views import CROP, REFERENCE_CROP


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NearestSettings:
    """Whose neighbors are looked for, and how."""

    model: str
    entry: ModelParams  # ``image.models.<model>``
    search: NeighborsParams
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NearestFiles:
    """What the stage makes of one model."""

    neighbors: Path  # folder of ``layer=…/metric=…/part-*.parquet``, table ``neighbors``, target and control
    recall: Path  # JSON, see `dejavu.search.recalls`
    reference: Path  # folder like `neighbors`, of the role reference; empty without a pair


def find(*, settings: NearestSettings, inputs: Path, out: NearestFiles) -> None:
    """Write the neighbors of every layer and metric, and the recall of each search.

    Args:
        settings: whose, and how.
        inputs: folder that stage ``embed`` made of the model.
        out: what is written.

    Raises:
        ArtifactError, ParamsError: see `dejavu.search.neighbors.find`.
    """
    _search(settings, inputs, CROP, out.neighbors, recall=out.recall)
    if is_paired(settings.entry):
        _search(settings, inputs, REFERENCE_CROP, out.reference)
    else:
        shutil.rmtree(out.reference, ignore_errors=True)
        out.reference.mkdir(parents=True)


def _search(
    settings: NearestSettings, inputs: Path, crops: str, out: Path, *, recall: Path | None = None
) -> None:
    role = " on the reference role" if crops == REFERENCE_CROP else ""
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="image.neighbors", model=f"{settings.model}{role}", search=settings.search,
            machine=settings.machine,
        ),
        inputs=searches.of_images(
            inputs, settings.entry.layers, settings.search.metrics, crops=crops
        ),
        out=neighbors.NeighborFiles(neighbors=out, recall=recall),
    )  # fmt: skip
