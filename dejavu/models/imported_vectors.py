"""Vectors that somebody made elsewhere: a score can be had without sharing weights or images.

A view (``public_image``, ``crop``, ``caption``, ``public_caption``) of a layer is one of

    <view>.parquet              columns sample_name (or sample_id) and embedding, a list of numbers
    <view>/*.parquet            the same in parts
    view=<view>/*.parquet       the same, as this pipeline's stage ``embed`` writes them
    <view>.npy and <view>.txt   a matrix, one row per sample, and one sample_name per line

in any order of rows. Rows of other samples are ignored. Names are safer than ids: ids count the listing of a
corpus, which may differ elsewhere; a file that this pipeline wrote says which listing it was made from, and
that is compared. If a table of crops also has columns x0, y0, x1, y1 they must be those of ``crops.parquet``.

What has to be embedded is known after ``dvc repro crop``:

    dejavu sql --format parquet "SELECT sample_name FROM samples JOIN splits USING (lane, sample_id)
        WHERE lane = 'image' AND role = 'public'" > public_image.parquet
    dejavu sql --format parquet "SELECT sample_name, role, x0, y0, x1, y1 FROM samples
        JOIN crops USING (lane, sample_id) WHERE is_kept AND role IN ('target', 'control')" > crop.parquet
"""

import dataclasses
import hashlib
import tempfile
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float32, Int64

from dejavu.errors import ArtifactError, DataError
from dejavu.run import shards
from dejavu.run.progress import say
from dejavu.tables import by_sample, damage
from dejavu.tables.parquet import inputs_of
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import EMBEDDINGS

ROWS_PER_PART = 16_384  # as stage embed cuts them
CORNERS = ("x0", "y0", "x1", "y1")


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """The files of one view: parts of a table, or a matrix and its names."""

    name: str
    files: tuple[Path, ...]

    @property
    def is_matrix(self) -> bool:
        """Return whether the files are a ``.npy`` and a ``.txt``."""
        return self.files[0].suffix == ".npy"


def find(folder: Path, view: str) -> View:
    """Return the files of `view` in `folder`.

    Raises:
        DataError: there are none, or of several kinds.
    """
    table, matrix = folder / f"{view}.parquet", folder / f"{view}.npy"
    names = folder / f"{view}.txt"
    parts = tuple(sorted((folder / view).glob("*.parquet")))
    parts += tuple(sorted((folder / partition(view=view)).glob("*.parquet")))
    kinds = [
        *([(table,)] if table.is_file() else []),
        *([parts] if parts else []),
        *([(matrix, names)] if matrix.is_file() else []),
    ]
    if len(kinds) == 1 and all(path.is_file() for path in kinds[0]):
        return View(view, kinds[0])
    if matrix.is_file() and not names.is_file():
        raise DataError(f"{names}: no such file; it names the rows of {matrix.name}, one per line.")
    found = ", ".join(files[0].name for files in kinds) or "none of them"
    raise DataError(
        f"{folder}: expected one of {table.name}, {view}/*.parquet, or {matrix.name} with "
        f"{names.name}; found {found}."
    )


def layer_folder(root: Path, layer: str) -> Path:
    """Return where the views of a layer lie: ``<layer>``, or ``layer=<layer>`` as stage embed says it."""
    own = root / partition(layer=layer)
    return own if own.is_dir() else root / layer


def describe(views: Iterable[View], *, root: Path) -> dict[str, Any]:
    """Return what provenance says of precomputed vectors: files with SHA-256, and one hash of all."""
    files = []
    for path in (
        path for view in views if dimension(view) for path in view.files
    ):  # else not hashed
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        files.append({"name": path.relative_to(root).as_posix(), "sha256": sha256})
    listed = "".join(f"{file['name']} {file['sha256']}\n" for file in files)
    return {"files": files, "weights_sha256": hashlib.sha256(listed.encode()).hexdigest()}


def dimension(view: View) -> int:
    """Return the length of the vectors of a view, from its first row.

    Raises:
        DataError: it has no rows, or no column of numbers.
    """
    if view.is_matrix:
        return int(_open_matrix(view.files[0]).shape[1])
    column = _embedding_type(view.files[0])
    if pa.types.is_fixed_size_list(column):
        return int(column.list_size)
    for path in view.files:
        for batch in _batches(path, 1):
            return len(batch["embedding"][0])
    raise DataError(f"{view.files[0]}: no rows, expected one vector per sample.")


def write(view: View, wanted: pa.Table, out: Path, *, inputs: Mapping[str, str]) -> None:
    """Write table ``embeddings`` of the samples in `wanted`, as stage embed does, in bounded memory.

    Args:
        view: the files.
        wanted: columns sample_id (ascending) and sample_name, and for crops x0, y0, x1, y1.
        out: the folder of parts to make.
        inputs: fingerprints to record; those that the files record themselves must be equal.

    Raises:
        DataError: samples are missing or repeated, vectors are of several lengths or not finite, or
            crops are not those of `wanted`.
        ArtifactError: the files were written by this pipeline for other samples, splits or crops.
    """
    _require_origin(view, inputs)
    ids = _ids(view)
    rows = by_sample.rows_of(ids, wanted, path=view.files[0], what=f"vector of view {view.name}")
    _require_crops(view, rows, wanted)
    dim = dimension(view)
    shards.WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shards.WORK) as scratch:
        vectors = _matrix(view, len(ids), dim, Path(scratch))
        for number, start in enumerate(range(0, len(rows), ROWS_PER_PART)):
            part = wanted.slice(start, ROWS_PER_PART)
            table = pa.table(
                {
                    "sample_id": part["sample_id"],
                    "embedding": _finite(vectors, rows[start : start + len(part)], part, view),
                }
            )
            EMBEDDINGS.write(table, out / f"part-{number:05d}.parquet", inputs=inputs)
    if extra := len(ids) - len(rows):
        say(f"{view.files[0].parent}: {extra} rows of {view.name} are of other samples; ignored")


def _require_origin(view: View, inputs: Mapping[str, str]) -> None:
    if view.is_matrix:
        return
    for path in view.files:
        for name, recorded in inputs_of(path).items():
            if name in ("samples", "split", "crops") and inputs.get(name, recorded) != recorded:
                raise ArtifactError(
                    f"{path}: was made from {name} {recorded}, but here {name} is {inputs[name]}. "
                    "Embed the samples, roles and crops of this run, or rebuild them from the same "
                    "corpus and parameters."
                )


def _ids(view: View) -> pa.Array:
    """Return the sample of each row: names as text or ids as integers."""
    if view.is_matrix:
        text = view.files[1].read_text(encoding="utf-8")
        ids = pa.array(text.removesuffix("\n").split("\n") if text else [], pa.string())
        n_rows = len(_open_matrix(view.files[0]))
        if len(ids) != n_rows:
            raise DataError(
                f"{view.files[1]}: {len(ids)} lines, but {view.files[0].name} has {n_rows} rows; "
                "expected one sample_name per row."
            )
        return ids
    key = by_sample.key_of(_schema(view.files[0]).names, view.files[0])
    return _column(view, key).cast(pa.string() if key == "sample_name" else pa.int64())


def _column(view: View, name: str) -> pa.Array:
    parts = []
    for path in view.files:
        with damage.brought(path):
            parts.append(pq.read_table(path, columns=[name])[name])
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks]).combine_chunks()


def _require_crops(view: View, rows: Int64[np.ndarray, " n"], wanted: pa.Table) -> None:
    if view.is_matrix or CORNERS[0] not in wanted.column_names:
        return
    stated = set(_schema(view.files[0]).names)
    if not stated.issuperset(CORNERS):
        return
    differ = np.zeros(len(rows), dtype=bool)
    for name in CORNERS:
        differ |= (
            _column(view, name).to_numpy(zero_copy_only=False)[rows] != wanted[name].to_numpy()
        )
    if differ.any():
        first = wanted.slice(int(np.argmax(differ)), 1).to_pylist()[0]
        raise DataError(
            f"{view.files[0]}: {int(differ.sum())} of {len(rows)} crops are not those of this run, e.g. "
            f"{first['sample_name']!r}, whose crop is {[first[name] for name in CORNERS]}. Embed the "
            "crops of data/image/crops.parquet."
        )


def _schema(path: Path) -> pa.Schema:
    with damage.brought(path):
        return pq.read_schema(path)


def _batches(path: Path, n_rows: int) -> Iterator[pa.RecordBatch]:
    with damage.brought(path), pq.ParquetFile(path) as parquet:
        yield from parquet.iter_batches(batch_size=n_rows, columns=["embedding"])


def _embedding_type(path: Path) -> pa.DataType:
    schema = _schema(path)
    if "embedding" in schema.names:
        kind = schema.field("embedding").type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if (is_list or pa.types.is_fixed_size_list(kind)) and pa.types.is_floating(kind.value_type):
            return kind
    raise DataError(
        f"{path}: expected a column embedding of lists of floating point numbers, found "
        f"{', '.join(f'{field.name}: {field.type}' for field in schema)}."
    )


def _open_matrix(path: Path) -> np.ndarray:
    try:
        matrix = np.lib.format.open_memmap(path, mode="r")
    except (
        ValueError,
        EOFError,
        OSError,
        SyntaxError,
        OverflowError,
        tokenize.TokenError,
    ) as error:
        raise DataError(f"{path}: not a .npy file of numbers: {error}") from None
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or 0 in matrix.shape:
        raise DataError(
            f"{path}: expected a matrix of floating point numbers, one row per sample, found "
            f"{matrix.dtype} {matrix.shape}."
        )
    return matrix


def _matrix(view: View, n_rows: int, dim: int, scratch: Path) -> np.ndarray:
    """Return all rows as a matrix on disk, so that any rows can be taken from it."""
    if view.is_matrix:
        return _open_matrix(view.files[0])
    matrix = np.memmap(scratch / "vectors", np.float32, "w+", shape=(n_rows, dim))
    start = 0
    for path, vectors in _blocks(view, dim):
        if vectors is None:
            raise DataError(
                f"{path}: vectors of several lengths, expected {dim} numbers in each row."
            )
        matrix[start : start + len(vectors)] = vectors
        start += len(vectors)
    return matrix


def _blocks(view: View, dim: int) -> Iterator[tuple[Path, Float32[np.ndarray, "n dim"] | None]]:
    """Yield blocks of vectors; None for one whose rows do not all hold `dim` numbers."""
    for path in view.files:
        _embedding_type(path)
        for batch in _batches(path, ROWS_PER_PART):
            lists = batch["embedding"]
            lengths = pc.fill_null(pc.list_value_length(lists), -1)
            if not pc.all(pc.equal(lengths, dim)).as_py():
                yield path, None
                return
            values = lists.flatten().to_numpy(zero_copy_only=False)
            with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
                yield path, values.astype(np.float32).reshape(len(lists), dim)


def _finite(
    vectors: np.ndarray, rows: Int64[np.ndarray, " n"], samples: pa.Table, view: View
) -> pa.FixedSizeListArray:
    with np.errstate(over="ignore"):
        taken = np.ascontiguousarray(vectors[rows], dtype=np.float32)
    broken = ~np.isfinite(taken).all(axis=1)
    if broken.any():
        names = samples.filter(pa.array(broken))["sample_name"]
        raise DataError(
            f"{view.files[0]}: {int(broken.sum())} vectors are not finite: {by_sample.listed(names)}."
        )
    return pa.FixedSizeListArray.from_arrays(pa.array(taken.ravel()), taken.shape[1])
