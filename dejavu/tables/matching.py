"""Match rows that somebody made elsewhere with the samples of this run, by name or by id."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64

from dejavu.errors import DataError

KEYS = ("sample_name", "sample_id")  # names are safer: ids count the listing of a corpus
_NAMES_SHOWN = 5


def key_of(columns: list[str], path: Path) -> str:
    """Return the column that says which sample a row is about; the name, if there are both.

    Raises:
        DataError: there is none.
    """
    for key in KEYS:
        if key in columns:
            return key
    raise DataError(f"{path}: no column sample_name or sample_id, found {', '.join(columns)}.")


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
    rows = pc.index_in(wanted[key], value_set=ids).combine_chunks()
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
