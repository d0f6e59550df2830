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

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from dejavu.errors import ArtifactError, DataError
from dejavu.models.vector_files import CORNERS, Rows, View, dimension, matrix, parts_of
from dejavu.run import shards
from dejavu.run.progress import say
from dejavu.tables import brought, by_sample
from dejavu.tables.parquet import inputs_of
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import EMBEDDINGS

ROWS_PER_PART = 16_384  # as stage embed cuts them


def find(folder: Path, view: str) -> View:
    """Return the files of `view` in `folder`.

    Raises:
        DataError: there are none, or of several kinds.
    """
    array, names = folder / f"{view}.npy", folder / f"{view}.txt"
    tables = [folder / f"{view}{suffix}" for suffix in brought.SUFFIXES]
    parts = tuple(sorted((folder / view).glob("*.parquet")))
    parts += tuple(sorted((folder / partition(view=view)).glob("*.parquet")))
    kinds = [
        *((table,) for table in tables if table.is_file()),
        *([parts] if parts else []),
        *([(array, names)] if array.is_file() else []),
    ]
    if len(kinds) == 1 and all(path.is_file() for path in kinds[0]):
        return View(view, kinds[0])
    if array.is_file() and not names.is_file():
        raise DataError(f"{names}: no such file; it names the rows of {array.name}, one per line.")
    found = ", ".join(files[0].name for files in kinds) or "none of them"
    raise DataError(
        f"{folder}: expected one of {view}.parquet (or {', '.join(brought.SUFFIXES[:2])}, .tsv), "
        f"{view}/*.parquet, or {array.name} with {names.name}; found {found}."
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
        found = matrix(view) if view.is_matrix else _read(view, dim, Path(scratch) / "vectors")
        rows = by_sample.rows_of(
            found.ids, wanted, path=view.files[0], what=f"vector of view {view.name}"
        )
        require_crops(view, found.corners, rows, wanted)
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


def _read(view: View, dim: int, scratch: Path) -> Rows:
    """Read tables part by part; the vectors go to `scratch`."""
    ids: list[pa.Array] = []
    corners: list[np.ndarray | None] = []
    with scratch.open("wb") as stream:
        for part in parts_of(view, dim):
            ids.append(part.ids)
            corners.append(part.corners)
            stream.write(part.vectors.tobytes())
    found = pa.chunked_array(ids).combine_chunks()
    vectors = np.memmap(scratch, np.float32, "r", shape=(len(found), dim))
    return Rows(found, vectors, joined(corners))


def joined(corners: list[np.ndarray | None]) -> np.ndarray | None:
    """Return the corners of all parts as one array; None: some part does not state them."""
    stated = [each for each in corners if each is not None]
    return np.concatenate(stated) if stated and len(stated) == len(corners) else None


def require_crops(
    view: View, corners: np.ndarray | None, rows: Int64[np.ndarray, " n"], wanted: pa.Table
) -> None:
    """Raise DataError if vectors state other crops than `wanted` has."""
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


def require_finite(view: View, is_finite: Bool[np.ndarray, " n"], samples: pa.Table) -> None:
    """Raise DataError if the vector of any of `samples` holds a number that is not finite."""
    if not is_finite.all():
        names = samples.filter(pa.array(~is_finite))["sample_name"]
        raise DataError(
            f"{view.files[0]}: {len(names)} vectors are not finite: {by_sample.listed(names)}."
        )


def _finite(
    vectors: np.ndarray, rows: Int64[np.ndarray, " n"], samples: pa.Table, view: View
) -> pa.FixedSizeListArray:
    with np.errstate(over="ignore"):
        taken = np.ascontiguousarray(vectors[rows], dtype=np.float32)
    require_finite(view, np.asarray(np.isfinite(taken).all(axis=1)), samples)
    return pa.FixedSizeListArray.from_arrays(pa.array(taken.ravel()), taken.shape[1])
