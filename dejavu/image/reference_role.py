"""Attack the reference role as well, with both models of a pair that is trained here (docs/method.md, ours).

The crossover needs it, and samples that a target model was not trained on join control in the list. Nothing
else does: the references' guesses on the samples that they were trained on would be worth nothing.
"""

import dataclasses
import shutil
from pathlib import Path

from dejavu.image import vote
from dejavu.image.labels import labeled
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams
from dejavu.roles import REFERENCE, is_paired, predictor_name
from dejavu.search import neighbors, searches
from dejavu.tables.parquet import inputs_of, is_empty
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import LABELS, NEIGHBORS, PREDICTIONS
from dejavu.tables.views import PUBLIC_IMAGE, REFERENCE_CROP


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AttackSettings:
    """Which network attacks, and how its neighbors are found."""

    model: str
    entry: ModelParams  # ``image.models.<model>``
    search: NeighborsParams
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AttackInputs:
    """What the attack reads."""

    samples: Path
    splits: Path
    labels: Path
    embeddings: Path  # folder that stage ``embed`` made of the model


def attack(*, settings: AttackSettings, inputs: AttackInputs, out: Path) -> None:
    """Write ``layer=…/metric=…/part-00000.parquet`` (table ``predictions``) with the role ``reference``.

    A model of no such pair, and a lane that is not used, get one empty table.

    Raises:
        ArtifactError: the tables come from different runs.
    """
    shutil.rmtree(out, ignore_errors=True)
    if not is_paired(settings.entry) or is_empty(inputs.samples):
        searched = inputs.embeddings / partition(layer=settings.entry.layers[0], view=PUBLIC_IMAGE)
        nothing = PREDICTIONS.schema.empty_table()
        PREDICTIONS.write(nothing, out / "part-00000.parquet", inputs=inputs_of(searched))
        return
    scratch = out.with_name(f"{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    found, search = scratch / "neighbors", settings.search
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="image.neighbors", model=f"{settings.model} on the reference role", search=search,
            machine=settings.machine,
        ),
        inputs=searches.of_images(
            inputs.embeddings, settings.entry.layers, search.metrics, crops=REFERENCE_CROP
        ),
        out=neighbors.NeighborFiles(neighbors=found, recall=scratch / "recall.json"),
    )  # fmt: skip
    _vote(settings, inputs, found, out)
    shutil.rmtree(scratch)


def _vote(settings: AttackSettings, inputs: AttackInputs, found: Path, out: Path) -> None:
    layers, metrics = settings.entry.layers, settings.search.metrics
    known = labeled(inputs.samples, inputs.splits, (REFERENCE,))
    label_ids = LABELS.read(inputs.labels)["label_id"].to_numpy()
    for layer in layers:
        for metric in metrics:
            name = predictor_name(settings.model, layer, metric, layers=layers, metrics=metrics)
            folder = found / partition(layer=layer, metric=metric)
            rows = vote.predictions(name, NEIGHBORS.read(folder), known, label_ids)
            place = out / partition(layer=layer, metric=metric) / "part-00000.parquet"
            PREDICTIONS.write(rows, place, inputs=inputs_of(folder))
