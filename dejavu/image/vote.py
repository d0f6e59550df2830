"""Count the votes of every network, layer and metric into tables of predictions."""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32, Int64

from dejavu.errors import ArtifactError
from dejavu.image import voting
from dejavu.image.labels import labeled
from dejavu.params.encoders import ModelParams
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE, is_paired, predictor_name
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
    reference_neighbors: (
        Path  # the same of the reference role, for models of pairs that are trained here
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VoteFiles:
    """What is written: folders of tables ``predictions``."""

    attacked: Path
    reference_role: Path


def count(*, settings: VoteSettings, inputs: VoteInputs, out: VoteFiles) -> None:
    """Write ``model=…/layer=…/metric=…/part-00000.parquet`` (table ``predictions``) for every search.

    Raises:
        ArtifactError: the tables come from different splits or crops.
        DataError: a sample that votes or is attacked has no label.
    """
    models = settings.models
    pairs = {name: model for name, model in models.items() if is_paired(model)}
    _count(_searches(models, settings.metrics), inputs, inputs.neighbors, ATTACKED, out.attacked)
    _count(
        _searches(pairs, settings.metrics), inputs, inputs.reference_neighbors, (REFERENCE,),
        out.reference_role,
    )  # fmt: skip


def _searches(models: Mapping[str, ModelParams], metrics: tuple[str, ...]) -> dict[str, Path]:
    """Return where the neighbors of each predictor lie, below a folder of them."""
    return {
        predictor_name(name, layer, metric, layers=model.layers, metrics=metrics): (
            partition(model=name, layer=layer, metric=metric)
        )
        for name, model in models.items()
        for layer in model.layers
        for metric in metrics
    }


def _count(
    folders: Mapping[str, Path],
    inputs: VoteInputs,
    neighbors: Path,
    roles: Sequence[str],
    out: Path,
) -> None:
    shutil.rmtree(out, ignore_errors=True)
    if not folders:  # no pair, or the lane is not used
        out.mkdir(parents=True)
        return
    require_common_origin(
        [neighbors / folder for folder in folders.values()], "samples", "split", "crops"
    )
    known = labeled(inputs.samples, inputs.splits, roles)
    label_ids = LABELS.read(inputs.labels)["label_id"].to_numpy()
    scratch = out.with_name(out.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    for predictor, folder in folders.items():
        rows = PREDICTIONS.schema.empty_table()
        if known.num_rows:  # otherwise the lane is not used
            rows = predictions(predictor, NEIGHBORS.read(neighbors / folder), known, label_ids)
        place = scratch / folder / "part-00000.parquet"
        PREDICTIONS.write(rows, place, inputs=inputs_of(neighbors / folder))
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
    ids = neighbors["sample_id"].to_numpy()
    if not (ids[:-1] < ids[1:]).all():  # a copy of all lists, which searches in order spare
        neighbors = neighbors.sort_by("sample_id")
        ids = neighbors["sample_id"].to_numpy()
    attacked = known.take(_rows_of(ids, known, predictor))
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
