"""Rows of a large key-sorted table for a block of sample ids, without reading the whole table."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
from jaxtyping import Bool, Int64

from dejavu.errors import ArtifactError
from dejavu.tables import parquet


def find(
    path: Path, sample_ids: Int64[np.ndarray, " n"], columns: list[str]
) -> tuple[pa.Table, Bool[np.ndarray, " n"]]:
    """Return the rows of ascending `sample_ids` that exist, and which of the ids those are.

    Row-group statistics limit what is read to the range of the ids.
    """
    dataset = parquet.open_dataset(path)
    names = ["sample_id", *columns]
    if len(sample_ids) == 0:
        return dataset.schema.empty_table().select(names), np.zeros(0, dtype=bool)
    low, high = int(sample_ids[0]), int(sample_ids[-1])
    field = pads.field("sample_id")
    rows = dataset.to_table(columns=names, filter=(field >= low) & (field <= high))
    found = rows["sample_id"].to_numpy()
    places = np.searchsorted(found, sample_ids)
    inside = np.minimum(places, max(len(found) - 1, 0))
    exists = found[inside] == sample_ids if len(found) else np.zeros(len(sample_ids), dtype=bool)
    return rows.take(places[exists]), exists


def require(path: Path, sample_ids: Int64[np.ndarray, " n"], columns: list[str]) -> pa.Table:
    """Return the row of each of ascending `sample_ids`.

    Raises:
        ArtifactError: an id has no row.
    """
    rows, exists = find(path, sample_ids, columns)
    if not exists.all():
        raise ArtifactError(
            f"{path}: {int((~exists).sum())} of {len(exists)} sample ids have no row, e.g. "
            f"{int(sample_ids[~exists][0])}. Run `dvc repro` to rebuild the tables together."
        )
    return rows


def ids_of_roles(splits: Path, *roles: str) -> Int64[np.ndarray, " n"]:
    """Return the ascending ids of all samples that have one of `roles`."""
    rows = parquet.open_dataset(splits).to_table(
        columns=["sample_id"], filter=pads.field("role").isin(list(roles))
    )
    return np.sort(rows["sample_id"].to_numpy().astype(np.int64))
