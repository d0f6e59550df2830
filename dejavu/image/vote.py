"""Count the votes of every network, layer and metric into tables of predictions."""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32, Int64

from dejavu.errors import ArtifactError
from dejavu.image import voting
from dejavu.image.labels import labeled
from dejavu.params.encoders import ModelParams
from dejavu.roles import ATTACKED, PUBLIC, predictor_name
from dejavu.tables import by_sample
from dejavu.tables.parquet import inputs_of, require_common_origin
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import LABELS, NEIGHBORS, PREDICTIONS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VoteSettings:
    """Which searches vote."""

    models: Mapping[str, ModelParams]  # section ``image.models``
    metrics: tuple[str, ...]  # ``image.neighbors.metrics``; the first is not in a predictor's name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VoteInputs:
    """The tables of the image lane that voting reads."""

    samples: Path  # has the label of every sample
    splits: Path  # has the role of every sample
    labels: Path
    neighbors: Path  # folder with ``model=<model>/layer=<layer>/metric=<metric>``


def count(*, settings: VoteSettings, inputs: VoteInputs, out: Path) -> None:
    """Write ``model=…/layer=…/metric=…/part-00000.parquet`` (table ``predictions``) for every search.

    Raises:
        ArtifactError: the tables come from different splits or crops.
        DataError: a sample that votes or is attacked has no label.
    """
    folders = {
        predictor_name(name, layer, metric, layers=model.layers, metrics=settings.metrics): (
            partition(model=name, layer=layer, metric=metric)
        )
        for name, model in settings.models.items()
        for layer in model.layers
        for metric in settings.metrics
    }
    require_common_origin(
        [inputs.neighbors / folder for folder in folders.values()], "samples", "split", "crops"
    )
    known = labeled(inputs.samples, inputs.splits, ATTACKED)
    label_ids = LABELS.read(inputs.labels)["label_id"].to_numpy()
    scratch = out.with_name(out.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    for predictor, folder in folders.items():
        rows = PREDICTIONS.schema.empty_table()
        if known.num_rows:  # otherwise the lane is not used
            rows = predictions(
                predictor, NEIGHBORS.read(inputs.neighbors / folder), known, label_ids
            )
        place = scratch / folder / "part-00000.parquet"
        PREDICTIONS.write(rows, place, inputs=inputs_of(inputs.neighbors / folder))
    shutil.rmtree(out, ignore_errors=True)
    scratch.replace(out)


def predictions(
    predictor: str, neighbors: pa.Table, known: pa.Table, label_ids: Int32[np.ndarray, " labels"]
) -> pa.Table:
    """Return the rows of table ``predictions`` that the votes of one search make.

    Args:
        predictor: its name.
        neighbors: rows of table ``neighbors``.
        known: what `labeled` returned.
        label_ids: all labels, ascending.

    Raises:
        ArtifactError: a sample of `neighbors` is not in `known`.
    """
    neighbors = neighbors.sort_by("sample_id")
    attacked = known.take(_rows_of(neighbors["sample_id"].to_numpy(), known, predictor))
    public = known.filter(pc.equal(known["role"], PUBLIC))
    return voting.predictions(
        predictor,
        neighbors,
        role=attacked["role"],
        truth=attacked["label_id"].to_numpy(),
        public_ids=public["sample_id"].to_numpy(),
        public_labels=public["label_id"].to_numpy(),
        label_ids=label_ids,
    )


def _rows_of(
    sample_ids: Int64[np.ndarray, " n"], known: pa.Table, predictor: str
) -> Int64[np.ndarray, " n"]:
    ids = known["sample_id"].to_numpy()
    rows, exists = by_sample.positions(ids, sample_ids)
    if strangers := int((~exists).sum()):
        raise ArtifactError(
            f"{predictor}: {strangers} crops are not in the samples and splits. Run `dvc repro`."
        )
    return rows
