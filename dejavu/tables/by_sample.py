"""Rows by sample: of a large sorted table for a block of ids, and of tables that were made elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from jaxtyping import Bool, Int64

from dejavu.errors import ArtifactError, DataError
from dejavu.tables import parquet

KEYS = ("sample_name", "sample_id")  # names are safer: ids count the listing of a corpus
_NAMES_SHOWN = 5


def positions(
    sorted_ids: Int64[np.ndarray, " known"], wanted: Int64[np.ndarray, "*shape"]
) -> tuple[Int64[np.ndarray, "*shape"], Bool[np.ndarray, "*shape"]]:
    """Return where each of `wanted` stands in ascending `sorted_ids`, and whether it is there.

    A place of an id that is not there is valid (0 at least, if there is any row) but means nothing.
    The caller raises: it knows what the ids are.

    >>> places, exists = positions(np.array([3, 5]), np.array([5, 4]))
    >>> places.tolist(), exists.tolist()
    ([1, 1], [True, False])
    """
    if len(sorted_ids) == 0:
        return np.zeros(wanted.shape, dtype=np.int64), np.zeros(wanted.shape, dtype=bool)
    places = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return places.astype(np.int64), sorted_ids[places] == wanted


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
    places, exists = positions(found, sample_ids)
    chosen = places[exists]
    if len(chosen) and (np.diff(chosen) <= 0).any():  # an id is asked for twice
        return rows.take(chosen), exists
    # Chunk by chunk: `take` would put all text into one array, which holds 2 GiB at most.
    is_wanted = np.zeros(rows.num_rows, dtype=bool)
    is_wanted[chosen] = True
    return rows.filter(is_wanted), exists


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


def key_of(columns: list[str], path: Path) -> str:
    """Return the column that says which sample a row is about; the name, if there are both.

    Raises:
        DataError: there is none.
    """
    for key in KEYS:
        if key in columns:
            return key
    raise DataError(f"{path}: no column sample_name or sample_id, found {', '.join(columns)}.")


def index_of(wanted: pa.ChunkedArray, known: pa.Array) -> pa.Array:
    """Return the place of each of `wanted` in `known`; null: it is not there.

    Where a text is not there as it is written, the same letters composed in another way count (Unicode NFC
    and NFD, which file systems turn into each other).

    >>> index_of(pa.chunked_array([["a", "e\u0301", "b"]]), pa.array(["\u00e9", "a"])).to_pylist()
    [1, 0, None]
    """
    places = pc.index_in(wanted, value_set=known).combine_chunks()
    if places.null_count and pa.types.is_string(known.type):
        composed = pc.utf8_normalize(known, form="NFC")
        others = pc.index_in(pc.utf8_normalize(wanted, form="NFC"), value_set=composed)
        places = pc.coalesce(places, others.combine_chunks())
    return places


def rows_of(ids: pa.Array, wanted: pa.Table, *, path: Path, what: str) -> Int64[np.ndarray, " n"]:
    """Return the row of each wanted sample.

    Args:
        ids: the sample of each row: names (text) or ids (integers).
        wanted: columns sample_id and sample_name.
        path: the file, for messages.
        what: what a row holds, for messages, e.g. ``vector``.

    Raises:
        DataError: a sample has no row, or any sample has two.
    """
    counts = pc.value_counts(ids)
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(repeated):
        raise DataError(
            f"{path}: {len(repeated)} samples occur more than once, expected each once: "
            f"{listed(repeated)}."
        )
    key = "sample_name" if pa.types.is_string(ids.type) else "sample_id"
    rows = index_of(wanted[key], ids)
    if rows.null_count:
        missing = wanted.filter(pc.is_null(rows))["sample_name"]
        first = repr(ids[0].as_py()) if len(ids) else "none"
        raise DataError(
            f"{path}: no {what} for {rows.null_count} of {len(rows)} samples that need one: "
            f"{listed(missing)}. Add them; its first row is about {first}."
        )
    found: np.ndarray = rows.to_numpy(zero_copy_only=False)
    return found.astype(np.int64)


def listed(values: Any) -> str:
    """Return the first few of an Arrow array of names as text."""
    shown = ", ".join(repr(value) for value in values.slice(0, _NAMES_SHOWN).to_pylist())
    return shown + (", …" if len(values) > _NAMES_SHOWN else "")
