"""Attack the reference role as well, with both models of a pair that is trained here (docs/method.md, ours).

The crossover needs it, and samples that a target model was not trained on join control in the list. Nothing
else does: the references' guesses on the samples that they were trained on would be worth nothing.
"""

import dataclasses
import shutil
from pathlib import Path

from dejavu.image import embed, vote
from dejavu.image.embed import EmbedInputs, EmbedSettings
from dejavu.image.labels import labeled
from dejavu.image.targets import is_paired
from dejavu.params.search import NeighborsParams
from dejavu.roles import REFERENCE, predictor_name
from dejavu.search import neighbors, searches
from dejavu.tables.parquet import inputs_of, is_empty
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import LABELS, NEIGHBORS, PREDICTIONS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AttackSettings:
    """Which network attacks, and how its neighbors are found."""

    embed: EmbedSettings
    search: NeighborsParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AttackInputs:
    """What the attack reads."""

    embed: EmbedInputs
    labels: Path
    embeddings: Path  # folder that stage ``embed`` made of the model, with the public images


def attack(*, settings: AttackSettings, inputs: AttackInputs, out: Path) -> None:
    """Write ``layer=…/metric=…/part-00000.parquet`` (table ``predictions``) with the role ``reference``.

    A model of no such pair, and a lane that is not used, get one empty table.

    Raises:
        ArtifactError: the tables come from different runs.
    """
    shutil.rmtree(out, ignore_errors=True)
    embedding, search = settings.embed, settings.search
    if not is_paired(embedding.entry) or is_empty(inputs.embed.samples):
        nothing = PREDICTIONS.schema.empty_table()
        PREDICTIONS.write(nothing, out / "part-00000.parquet", inputs=embed.stamp_of(inputs.embed))
        return
    scratch = out.with_name(f"{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    embed.embed_reference(settings=embedding, inputs=inputs.embed, out=scratch / "embeddings")
    found = scratch / "neighbors"
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="image.neighbors", model=f"{embedding.model} on the reference role", search=search,
            machine=embedding.machine,
        ),
        inputs=searches.of_images(
            inputs.embeddings, embedding.layers, search.metrics, reference=scratch / "embeddings"
        ),
        out=neighbors.NeighborFiles(neighbors=found, recall=scratch / "recall.json"),
    )  # fmt: skip
    _vote(settings, inputs, found, out)
    shutil.rmtree(scratch)


def _vote(settings: AttackSettings, inputs: AttackInputs, found: Path, out: Path) -> None:
    embedding, metrics = settings.embed, settings.search.metrics
    known = labeled(inputs.embed.samples, inputs.embed.splits, (REFERENCE,))
    label_ids = LABELS.read(inputs.labels)["label_id"].to_numpy()
    for layer in embedding.layers:
        for metric in metrics:
            name = predictor_name(
                embedding.model, layer, metric, layers=embedding.layers, metrics=metrics
            )
            folder = found / partition(layer=layer, metric=metric)
            rows = vote.predictions(name, NEIGHBORS.read(folder), known, label_ids)
            place = out / partition(layer=layer, metric=metric) / "part-00000.parquet"
            PREDICTIONS.write(rows, place, inputs=inputs_of(folder))
