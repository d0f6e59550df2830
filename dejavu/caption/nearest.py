"""Bring back the public samples nearest to the captions that one model attacks.

Both models of a pair that is trained here attack the reference role as well (docs/method.md, ours). The
crossover needs it, and samples that a target model was not trained on join control in the list.
"""

import dataclasses
import shutil
from pathlib import Path

from dejavu.params.caption import CaptionModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.roles import is_paired
from dejavu.search import neighbors, searches
from dejavu.tables.views import REFERENCE_CAPTION


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveSettings:
    """Whose neighbors are looked for, and how."""

    model: str
    entry: CaptionModelParams  # ``caption.models.<model>``
    search: RetrieveParams
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveInputs:
    """What is searched."""

    embeddings: Path  # folder that stage ``embed_captions`` made of the model
    unannotated: Path  # public samples that are not searched


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveFiles:
    """What the stage makes of one model."""

    neighbors: Path  # folder of ``mode=…/part-*.parquet``, table ``neighbors``, target and control
    recall: Path  # JSON, see `dejavu.search.recalls`
    reference: Path  # folder like `neighbors`, of the role reference; empty without a pair


def find(*, settings: RetrieveSettings, inputs: RetrieveInputs, out: RetrieveFiles) -> None:
    """Write the neighbors of every mode, and the recall of each search.

    Raises:
        ArtifactError, ParamsError: see `dejavu.search.neighbors.find`.
    """
    _search(settings, inputs, out.neighbors, recall=out.recall)
    if is_paired(settings.entry):
        _search(settings, inputs, out.reference, captions=REFERENCE_CAPTION)
    else:
        shutil.rmtree(out.reference, ignore_errors=True)
        out.reference.mkdir(parents=True)


def _search(
    settings: RetrieveSettings,
    inputs: RetrieveInputs,
    out: Path,
    *,
    captions: str | None = None,
    recall: Path | None = None,
) -> None:
    role = " on the reference role" if captions == REFERENCE_CAPTION else ""
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="caption.retrieve", model=f"{settings.model}{role}", search=settings.search,
            machine=settings.machine, left_out=inputs.unannotated,
        ),
        inputs=searches.of_captions(inputs.embeddings, settings.entry.modes, captions=captions),
        out=neighbors.NeighborFiles(neighbors=out, recall=recall),
    )  # fmt: skip
