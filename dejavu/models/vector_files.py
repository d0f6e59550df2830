"""Read the files of vectors that somebody made elsewhere, see `dejavu.models.imported_vectors`."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32

from dejavu.errors import DataError
from dejavu.tables import brought, brought_arrays, by_sample
from dejavu.tables.brought_values import Column

CORNERS = ("x0", "y0", "x1", "y1")
COLUMNS = (
    Column(name="sample_name", kind="text"),
    Column(name="sample_id", kind="integer"),
    Column(name="embedding", kind="vector", is_required=True),
    *(Column(name=name, kind="number") for name in CORNERS),
    Column(name="role", kind="text"),  # of the list of what has to be embedded; not read
)
NAMED_BY = "the entry's path"
MAX_NAME_BYTES = 4096  # in UTF-8: the longest path there is


class Rows(NamedTuple):
    """Rows of a view."""

    ids: pa.Array  # the sample of each: names as text or ids as integers
    vectors: np.ndarray  # all rows of a view lie on disk, so that any can be taken
    corners: np.ndarray | None  # of the crop of each, where the files state them


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """The files of one view: parts of a table, or a matrix and its names."""

    name: str
    files: tuple[Path, ...]

    @property
    def is_matrix(self) -> bool:
        """Return whether the files are a ``.npy`` and a ``.txt``."""
        return self.files[0].suffix == ".npy"


def dimension(view: View) -> int:
    """Return the length of the vectors of a view, from its first row.

    Raises:
        DataError: it has no rows, or no column of numbers.
    """
    if view.is_matrix:
        return int(_open_matrix(view.files[0]).shape[1])
    for path in view.files:
        for batch in _batches(path):
            if length := pc.list_value_length(batch["embedding"])[0].as_py():
                return int(length)
            raise DataError(f"{path}: its first row has no vector, expected a list of numbers.")
    raise DataError(f"{view.files[0]}: no rows, expected one vector per sample.")


def matrix(view: View) -> Rows:
    """Return the rows of a matrix and the names beside it.

    Raises:
        DataError: they cannot be read, or are not as many.
    """
    rows, n_bytes = _open_matrix(view.files[0]), view.files[1].stat().st_size
    if n_bytes > MAX_NAME_BYTES * len(rows):
        raise DataError(f"{view.files[1]}: {n_bytes:,} bytes are no names of {len(rows):,} rows.")
    try:
        text = view.files[1].read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{view.files[1]}: cannot be read as text in UTF-8: {error}.") from None
    ids = pa.array(text.removesuffix("\n").split("\n") if text else [], pa.string())
    if len(ids) != len(rows):
        raise DataError(
            f"{view.files[1]}: {len(ids)} lines, but {view.files[0].name} has {len(rows)} rows; "
            "expected one sample_name per row."
        )
    return Rows(ids, rows, None)


def parts_of(view: View, dim: int) -> Iterator[Rows]:
    """Yield the rows of the tables of a view, some thousand vectors of `dim` numbers at a time.

    Raises:
        DataError: a row names no sample, vectors are of several lengths, or parts name samples in two ways.
    """
    keys: set[str] = set()
    n_before = 0
    for path in view.files:
        for batch in _batches(path):
            key = by_sample.key_of(batch.schema.names, path)
            keys.add(key)
            if len(keys) > 1:
                raise DataError(
                    f"{view.files[0].parent}: some parts name samples, others number them."
                )
            corners = None
            if set(CORNERS) <= set(batch.schema.names):
                stated = [batch[name].to_numpy(zero_copy_only=False) for name in CORNERS]
                corners = np.stack(stated, axis=1)
            ids = _named(batch[key], key, path, n_before)
            yield Rows(ids, _floats(batch["embedding"], dim, path), corners)
            n_before += batch.num_rows


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table, in parts that have any."""
    batches = brought.batches(path, COLUMNS, named_by=NAMED_BY)
    yield from (batch for batch in batches if batch.num_rows)


def _named(samples: pa.Array, key: str, path: Path, n_before: int) -> pa.Array:
    if samples.null_count:
        row = n_before + pc.index(samples.is_null(), True).as_py() + 1
        raise DataError(f"{path}: row {row} has no {key}, expected one in each.")
    return samples


def _floats(lists: pa.Array, dim: int, path: Path) -> Float32[np.ndarray, "n dim"]:
    lengths = pc.fill_null(pc.list_value_length(lists), -1)
    if not pc.all(pc.equal(lengths, dim)).as_py():
        raise DataError(f"{path}: vectors of several lengths, expected {dim} numbers in each row.")
    values: np.ndarray = lists.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(lists), dim)


def _open_matrix(path: Path) -> np.ndarray:
    matrix = brought_arrays.open_array(path, named_by=NAMED_BY)
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or 0 in matrix.shape:
        raise DataError(
            f"{path}: expected a matrix of floating point numbers, one row per sample, found "
            f"{matrix.dtype} {matrix.shape}."
        )
    return matrix
