"""The kept crops that references learn from (`reference`) and guess for (`target`, `control`)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import ArtifactError, DataError
from dejavu.tables import by_sample, parquet
from dejavu.tables.schemas import CROPS, LABELS, SAMPLES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CropTables:
    """What every reference reads: the tables of the image lane's samples, labels and crops."""

    samples: Path
    labels: Path
    crops: Path


def kept_crops(
    samples: Path, crops: Path, *, roles: Sequence[str], columns: Sequence[str] = ()
) -> pa.Table:
    """Return the kept crops of `roles` in sample_id order, with what is known of their samples.

    Args:
        samples: table ``samples``.
        crops: table ``crops``.
        roles: the roles wanted.
        columns: columns of `samples` wanted beside label_id.

    Returns:
        sample_id, role, x0, y0, x1, y1, label_id, then `columns`.

    Raises:
        ArtifactError: a crop's sample is not in `samples`.
        DataError: a kept crop has no label.
    """
    cut = CROPS.read(crops)
    wanted = pc.and_(cut["is_kept"], pc.is_in(cut["role"], pa.array(roles, pa.string())))
    cut = cut.filter(wanted).sort_by("sample_id").drop_columns(["is_kept", "drop_reason"])
    known = SAMPLES.read(samples, columns=["sample_id", "label_id", *columns]).sort_by("sample_id")
    rows = _rows_of(known["sample_id"].to_numpy(), cut["sample_id"].to_numpy(), samples, crops)
    known = known.take(rows)
    if unlabeled := known["label_id"].null_count:
        first = known.filter(pc.is_null(known["label_id"]))["sample_id"][0].as_py()
        raise DataError(
            f"{samples}: {unlabeled} kept crops have no label_id, e.g. sample {first}. References "
            "guess labels: mark such samples with a `problem` in the corpus, or label them."
        )
    for name in ("label_id", *columns):
        cut = cut.append_column(known.schema.field(name), known[name])
    return cut


def read_labels(labels: Path) -> pa.Table:
    """Return table ``labels`` in label_id order, refusing an empty one."""
    rows = LABELS.read(labels).sort_by("label_id")
    if rows.num_rows == 0:
        raise DataError(
            f"{labels}: no label, expected at least one. Check the corpus' class folders."
        )
    return rows


def origin(samples: Path, crops: Path) -> dict[str, str]:
    """Return the fingerprints that a table made from both carries, refusing crops of other samples."""
    recorded = parquet.inputs_of(crops)
    found = {"samples": parquet.fingerprint(samples), "crops": parquet.fingerprint(crops)}
    if recorded.get("samples", found["samples"]) != found["samples"]:
        raise ArtifactError(
            f"{crops} was made from samples {recorded['samples']}, but {samples} is "
            f"{found['samples']}: they do not belong together. Run `dvc repro` to rebuild both."
        )
    return recorded | found


def _rows_of(known: np.ndarray, wanted: np.ndarray, samples: Path, crops: Path) -> np.ndarray:
    """Return the row of each wanted sample_id among the ascending `known`."""
    rows, exists = by_sample.positions(known, wanted)
    if not exists.all():
        raise ArtifactError(
            f"{crops} names {int((~exists).sum())} samples that {samples} does not hold, e.g. "
            f"sample_id {wanted[np.argmin(exists)]}. Run `dvc repro` to rebuild both."
        )
    return rows
