"""Vectors that somebody made elsewhere: a score can be had without sharing weights or images.

A view (``public_image``, ``crop``, ``caption``, ``public_caption``) of a layer is one of

    <view>.parquet              columns sample_name (or sample_id) and embedding, a list of numbers; also
                                .jsonl, .csv and .tsv, where a vector is a list in JSON
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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int64

from dejavu.errors import ArtifactError, DataError
from dejavu.run import shards
from dejavu.run.progress import say
from dejavu.tables import brought, brought_arrays, by_sample
from dejavu.tables.brought_values import Column
from dejavu.tables.parquet import inputs_of
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import EMBEDDINGS

ROWS_PER_PART = 16_384  # as stage embed cuts them
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


class _Rows(NamedTuple):
    """All rows of a view."""

    ids: pa.Array  # the sample of each: names as text or ids as integers
    vectors: np.ndarray  # on disk, so that any rows can be taken from it
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


def find(folder: Path, view: str) -> View:
    """Return the files of `view` in `folder`.

    Raises:
        DataError: there are none, or of several kinds.
    """
    matrix, names = folder / f"{view}.npy", folder / f"{view}.txt"
    tables = [folder / f"{view}{suffix}" for suffix in brought.SUFFIXES]
    parts = tuple(sorted((folder / view).glob("*.parquet")))
    parts += tuple(sorted((folder / partition(view=view)).glob("*.parquet")))
    kinds = [
        *((table,) for table in tables if table.is_file()),
        *([parts] if parts else []),
        *([(matrix, names)] if matrix.is_file() else []),
    ]
    if len(kinds) == 1 and all(path.is_file() for path in kinds[0]):
        return View(view, kinds[0])
    if matrix.is_file() and not names.is_file():
        raise DataError(f"{names}: no such file; it names the rows of {matrix.name}, one per line.")
    found = ", ".join(files[0].name for files in kinds) or "none of them"
    raise DataError(
        f"{folder}: expected one of {view}.parquet (or {', '.join(brought.SUFFIXES[:2])}, .tsv), "
        f"{view}/*.parquet, or {matrix.name} with {names.name}; found {found}."
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
    for path in view.files:
        for batch in _batches(path):
            if length := pc.list_value_length(batch["embedding"])[0].as_py():
                return int(length)
            raise DataError(f"{path}: its first row has no vector, expected a list of numbers.")
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
    dim = dimension(view)
    shards.WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shards.WORK) as scratch:
        found = _matrix(view) if view.is_matrix else _read(view, dim, Path(scratch) / "vectors")
        rows = by_sample.rows_of(
            found.ids, wanted, path=view.files[0], what=f"vector of view {view.name}"
        )
        _require_crops(view, found.corners, rows, wanted)
        for number, start in enumerate(range(0, len(rows), ROWS_PER_PART)):
            part = wanted.slice(start, ROWS_PER_PART)
            table = pa.table(
                {
                    "sample_id": part["sample_id"],
                    "embedding": _finite(
                        found.vectors, rows[start : start + len(part)], part, view
                    ),
                }
            )
            EMBEDDINGS.write(table, out / f"part-{number:05d}.parquet", inputs=inputs)
    if extra := len(found.ids) - len(rows):
        say(f"{view.files[0].parent}: {extra} rows of {view.name} are of other samples; ignored")


def _require_origin(view: View, inputs: Mapping[str, str]) -> None:
    if view.is_matrix:
        return
    for path in (path for path in view.files if path.suffix == ".parquet"):
        for name, recorded in inputs_of(path).items():
            if name in ("samples", "split", "crops") and inputs.get(name, recorded) != recorded:
                raise ArtifactError(
                    f"{path}: was made from {name} {recorded}, but here {name} is {inputs[name]}. "
                    "Embed the samples, roles and crops of this run, or rebuild them from the same "
                    "corpus and parameters."
                )


def _matrix(view: View) -> _Rows:
    matrix, n_bytes = _open_matrix(view.files[0]), view.files[1].stat().st_size
    if n_bytes > MAX_NAME_BYTES * len(matrix):
        raise DataError(f"{view.files[1]}: {n_bytes:,} bytes are no names of {len(matrix):,} rows.")
    try:
        text = view.files[1].read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{view.files[1]}: cannot be read as text in UTF-8: {error}.") from None
    ids = pa.array(text.removesuffix("\n").split("\n") if text else [], pa.string())
    if len(ids) != len(matrix):
        raise DataError(
            f"{view.files[1]}: {len(ids)} lines, but {view.files[0].name} has {len(matrix)} rows; "
            "expected one sample_name per row."
        )
    return _Rows(ids, matrix, None)


def _read(view: View, dim: int, scratch: Path) -> _Rows:
    """Read tables part by part; the vectors go to `scratch`."""
    keys: dict[str, list[pa.Array]] = {name: [] for name in by_sample.KEYS}
    corners: list[np.ndarray] = []
    n_rows = 0
    with scratch.open("wb") as stream:
        for path in view.files:
            for batch in _batches(path):
                key = by_sample.key_of(batch.schema.names, path)
                keys[key].append(_named(batch[key], key, path, n_rows))
                if set(CORNERS) <= set(batch.schema.names):
                    stated = [batch[name].to_numpy(zero_copy_only=False) for name in CORNERS]
                    corners.append(np.stack(stated, axis=1))
                stream.write(_floats(batch["embedding"], dim, path).tobytes())
                n_rows += batch.num_rows
    used = [parts for parts in keys.values() if parts]
    if len(used) > 1:
        raise DataError(f"{view.files[0].parent}: some parts name samples, others number them.")
    vectors = np.memmap(scratch, np.float32, "r", shape=(n_rows, dim))
    stated_all = np.concatenate(corners) if sum(map(len, corners)) == n_rows else None
    return _Rows(pa.chunked_array(used[0]).combine_chunks(), vectors, stated_all)


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


def _require_crops(
    view: View, corners: np.ndarray | None, rows: Int64[np.ndarray, " n"], wanted: pa.Table
) -> None:
    if corners is None or CORNERS[0] not in wanted.column_names:
        return
    ours = np.stack([wanted[name].to_numpy() for name in CORNERS], axis=1)
    differ = (corners[rows] != ours).any(axis=1)
    if differ.any():
        first = wanted.slice(int(np.argmax(differ)), 1).to_pylist()[0]
        raise DataError(
            f"{view.files[0]}: {int(differ.sum())} of {len(rows)} crops are not those of this run, e.g. "
            f"{first['sample_name']!r}, whose crop is {[first[name] for name in CORNERS]}. Embed the "
            "crops of data/image/crops.parquet."
        )


def _open_matrix(path: Path) -> np.ndarray:
    matrix = brought_arrays.open_array(path, named_by=NAMED_BY)
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or 0 in matrix.shape:
        raise DataError(
            f"{path}: expected a matrix of floating point numbers, one row per sample, found "
            f"{matrix.dtype} {matrix.shape}."
        )
    return matrix


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
