"""The views of a project: where the files of each lie, and how they become one relation of DuckDB."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from dejavu.errors import ArtifactError
from dejavu.tables.schemas import TABLES
from dejavu.text import printable

# Where each view's files lie below the data folder; {name} becomes a column of the view.
# A file belongs to the first layout that fits it.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "samples": ("{lane}/samples.parquet",),
    "labels": ("{lane}/labels.parquet",),
    "splits": ("{lane}/splits.parquet",),
    "crops": ("{lane}/crops.parquet",),
    "tags": ("{lane}/tags/{annotator}/tags", "{lane}/tags/{annotator}/tags.parquet"),
    "tag_vocabulary": ("{lane}/tags/{annotator}/vocabulary.parquet",),
    "objects": ("{lane}/objects",),
    "unannotated": ("{lane}/unannotated.parquet",),
    "object_vocabulary": ("{lane}/vocabulary.parquet",),
    "embeddings": (
        "image/embeddings/model={model}/layer={layer}/view={view}",
        "caption/embeddings/model={model}/view={view}",
    ),
    "neighbors": (
        "image/neighbors/model={model}/layer={layer}/metric={metric}",
        "caption/neighbors/model={model}/mode={mode}",
    ),
    "predictions": (
        "image/predictions/knn/model={model}/layer={layer}/metric={metric}",
        "image/predictions/**",
    ),
    "image_scores": ("image/scores.parquet",),
    "caption_scores": ("caption/scores.parquet",),
    "reference_agreement": ("caption/agreement.parquet",),
    "crossover": ("{lane}/crossover.parquet",),
    "measures": ("{lane}/measures.parquet",),
    "memorized_samples": ("{lane}/memorized_samples.parquet",),
}
# Columns with few distinct values: read as dictionaries, groups by them cost half.
NAMES = {"target", "reference", "role", "predictor", "mode"}
# What DuckDB and Arrow raise about a file or a statement; damaged text is a ValueError of Python
REFUSALS = (duckdb.Error, pa.ArrowException, OSError, ValueError)


def path_columns(layout: str) -> tuple[str, ...]:
    """Return the columns of a view that its paths state.

    >>> path_columns("caption/neighbors/model={model}/mode={mode}")
    ('lane', 'model', 'mode')
    """
    stated = tuple(re.findall(r"\{(\w+)\}", layout))
    return stated if layout.startswith("{") else ("lane", *stated)


def make(
    connection: duckdb.DuckDBPyConnection,
    data: Path,
    name: str,
    sandboxed: bool,
    allowed: Mapping[str, set[str]] | None = None,
) -> bool:
    """Make the view `name` of the files below `data`; return whether there are any.

    Args:
        connection: of DuckDB.
        data: the project's data folder.
        name: a key of `LAYOUTS`.
        sandboxed: whether DuckDB itself may open no file.
        allowed: values that a column of the paths may have; null passes.

    Raises:
        ArtifactError: a file is no Parquet table, or the files do not fit each other.
    """
    selects: list[str] = []
    stated = {column for layout in LAYOUTS[name] for column in path_columns(layout)}
    taken: set[Path] = set()
    for layout in LAYOUTS[name]:
        for files, columns in _matches(data, layout):
            place = [file for file in files if file not in taken]
            taken.update(files)
            if not place or any(
                columns.get(key) not in {*values, None} for key, values in (allowed or {}).items()
            ):
                continue
            hidden = f"_{name}_{len(selects)}"
            TABLES[name].require_version(_schema(place[0]), place[0])
            schema = _open(connection, hidden, place, sandboxed)
            selects.append(_select(hidden, schema, columns, stated))
    if selects:
        union = " UNION ALL BY NAME ".join(selects)
        try:
            connection.execute(f'CREATE TEMP VIEW "{name}" AS {union}')
        except REFUSALS as error:
            raise ArtifactError(
                f"{data}: the files of {name} make no table ({printable(str(error), keep='')[:300]}). Run "
                "`dvc repro` to rebuild them."
            ) from None
    return bool(selects)


def _open(
    connection: duckdb.DuckDBPyConnection, hidden: str, place: list[Path], sandboxed: bool
) -> pa.Schema:
    """Make files a relation called `hidden`, and return their schema."""
    dataset = _dataset(place)
    paths = [str(file.absolute()) for file in place]
    # DuckDB takes these as patterns, which other projects' files may match, or as escapes of them
    if sandboxed or any(character in path for path in paths for character in "*?[\\"):
        connection.register(hidden, dataset)
    else:
        files = ", ".join(map(literal, paths))
        connection.execute(
            f'CREATE TEMP VIEW "{hidden}" AS FROM read_parquet([{files}], hive_partitioning = false)'
        )
    return dataset.schema


def _select(
    hidden: str, schema: pa.Schema, columns: Mapping[str, str], stated: Collection[str]
) -> str:
    """Return a query of `hidden` with what its path states; NULL where paths of other layouts state more."""
    constants = "".join(f"{literal(value)} AS {key}, " for key, value in columns.items())
    constants += "".join(f"NULL::VARCHAR AS {key}, " for key in sorted({*stated} - {*columns}))
    # vectors of different models have different lengths: as plain lists they fit one view
    lists = ", ".join(
        f"{_identifier(field.name)}::{_sql_type(field.type.value_type)}[] AS {_identifier(field.name)}"
        for field in schema
        if pa.types.is_fixed_size_list(field.type)
    )
    star = f"* REPLACE ({lists})" if lists else "*"
    return f'SELECT {constants}{star} FROM "{hidden}"'  # noqa: S608  # names are quoted


def _dataset(place: list[Path]) -> pads.Dataset:
    names = NAMES & set(_schema(place[0]).names)
    try:
        files = [str(file.absolute()) for file in place]
        options = pads.ParquetReadOptions(dictionary_columns=names)
        return pads.dataset(files, format=pads.ParquetFileFormat(read_options=options))
    except REFUSALS as error:
        raise _unreadable(place[0], error) from None


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except REFUSALS as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> ArtifactError:
    reason = printable(str(error), keep="")[:300]
    return ArtifactError(
        f"{file}: not a readable Parquet table ({reason}). Run `dvc repro` to rebuild it."
    )


def _matches(data: Path, layout: str) -> Iterator[tuple[list[Path], dict[str, str]]]:
    """Yield (files, path columns) of each place that fits `layout`, in path order."""
    recursive = layout.endswith("/**")
    stem = layout.removesuffix("/**")
    named = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(stem))
    pattern = re.compile(named + r"\Z")
    lanes = {"lane": stem.split("/")[0]} if not stem.startswith("{") else {}
    for path in sorted(data.glob(re.sub(r"\{\w+\}", "*", stem))):
        found = pattern.match(path.relative_to(data).as_posix())
        if found is None or path.is_file() != stem.endswith(".parquet"):
            continue
        files = [path] if path.is_file() else sorted(path.glob("**/*" if recursive else "*"))
        files = [file for file in files if file.suffix == ".parquet" and file.is_file()]
        if files:
            yield files, lanes | found.groupdict()


def _sql_type(kind: pa.DataType) -> str:
    return "DOUBLE" if pa.types.is_float64(kind) else "FLOAT"


def literal(value: str) -> str:
    """Return text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
