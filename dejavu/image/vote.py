"""Count the votes of every network, layer and metric into tables of predictions."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32, Int64

from dejavu.errors import ArtifactError, DataError
from dejavu.image import voting
from dejavu.image.targets import predictor_name
from dejavu.roles import ATTACKED, PUBLIC
from dejavu.tables import by_sample
from dejavu.tables.parquet import inputs_of, require_common_origin
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import LABELS, NEIGHBORS, PREDICTIONS, SAMPLES, SPLITS


def count(
    models: dict[str, Any],
    metrics: tuple[str, ...],
    *,
    samples: Path,
    splits: Path,
    labels: Path,
    neighbors: Path,
    out: Path,
) -> None:
    """Write ``model=…/layer=…/metric=…/part-00000.parquet`` (table ``predictions``) for every search.

    Args:
        models: settings by name of the model.
        metrics: in the order of params.yaml; the first is not in the predictor's name.
        samples: has the label of every sample.
        splits: has the role of every sample.
        labels: all labels.
        neighbors: folder with ``model=<model>/layer=<layer>/metric=<metric>``.
        out: the folder to make.

    Raises:
        ArtifactError: the tables come from different splits or crops.
        DataError: a sample that votes or is attacked has no label.
    """
    folders = {
        predictor_name(name, layer, metric, layers=model.layers, metrics=metrics): (
            partition(model=name, layer=layer, metric=metric)
        )
        for name, model in models.items()
        for layer in model.layers
        for metric in metrics
    }
    require_common_origin(
        [neighbors / folder for folder in folders.values()], "samples", "split", "crops"
    )
    known = _labeled(samples, splits)
    label_ids = LABELS.read(labels)["label_id"].to_numpy()
    scratch = out.with_name(out.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    for predictor, folder in folders.items():
        rows = PREDICTIONS.schema.empty_table()
        if known.num_rows:  # otherwise the lane is not used
            rows = _predictions(predictor, NEIGHBORS.read(neighbors / folder), known, label_ids)
        place = scratch / folder / "part-00000.parquet"
        PREDICTIONS.write(rows, place, inputs=inputs_of(neighbors / folder))
    shutil.rmtree(out, ignore_errors=True)
    scratch.replace(out)


def _labeled(samples: Path, splits: Path) -> pa.Table:
    """Return sample_id, role and label_id of the samples with a role, by sample id."""
    roles = SPLITS.read(splits, columns=["sample_id", "role"])
    roles = roles.filter(pc.is_in(roles["role"], pa.array([PUBLIC, *ATTACKED])))
    rows = SAMPLES.read(samples, columns=["sample_id", "label_id"])
    rows = roles.join(rows, "sample_id", join_type="inner").sort_by("sample_id").combine_chunks()
    if missing := rows["label_id"].null_count:
        raise DataError(f"{samples}: {missing} public or attacked samples have no label to guess.")
    return rows


def _predictions(
    predictor: str, neighbors: pa.Table, known: pa.Table, label_ids: Int32[np.ndarray, " labels"]
) -> pa.Table:
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
