"""All tables of a project as views of an in-process DuckDB, with what the paths say as columns.

People's own questions run in a sandbox, where DuckDB itself is never allowed near a file: views read Arrow
data sets that Python opens for reading, and access to the file system is switched off and locked before the
first query runs. So no statement can change, create or read any other file. The report's own queries skip
the sandbox: DuckDB then reads the files itself, several times faster.
"""

import dataclasses
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from dejavu.errors import ArtifactError, QueryError

# Where each view's files lie below the data folder; {name} becomes a column of the view.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "samples": ("{lane}/samples.parquet",),
    "labels": ("{lane}/labels.parquet",),
    "splits": ("{lane}/splits.parquet",),
    "crops": ("{lane}/crops.parquet",),
    "tags": ("{lane}/tags/{annotator}/tags", "{lane}/tags/{annotator}/tags.parquet"),
    "tag_vocabulary": ("{lane}/tags/{annotator}/vocabulary.parquet",),
    "objects": ("{lane}/objects",),
    "object_vocabulary": ("{lane}/vocabulary.parquet",),
    "embeddings": ("{lane}/embeddings/{model}/{layer}/{view}", "{lane}/embeddings/{model}/{view}"),
    "neighbors": (
        "image/neighbors/{model}/{layer}-{metric}",
        "caption/neighbors/{model}/{mode}",
    ),
    "predictions": ("{lane}/predictions/**",),
    "image_scores": ("image/scores.parquet",),
    "caption_scores": ("caption/scores.parquet",),
    "reference_agreement": ("caption/agreement.parquet",),
}
MEMORY_LIMIT = "1GB"  # of the report's queries; larger sorts spill to disk
# Columns with few distinct values: read as dictionaries, groups by them cost half.
NAMES = {"target", "reference", "role", "predictor", "mode"}
VECTORS = {"embedding", "neighbor_ids", "similarities"}  # columns too wide to summarize


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """One view: its name and its columns with their SQL types."""

    name: str
    columns: dict[str, str]


class Catalog:
    """An open DuckDB connection whose views are the tables of one project."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, data: Path, *, sandboxed: bool = True
    ) -> None:
        self.connection = connection
        self.data = data
        self._sandboxed = sandboxed

    def add_views(self, names: Iterable[str], **where: Iterable[str]) -> set[str]:
        """Make the views that are not there yet and whose files exist; return which ones now exist.

        Args:
            names: of views.
            **where: values that a column of the paths may have, such as ``layer``; files of others
                stay out of the view. Null, the column of another layout, passes.
        """
        there = {view.name for view in self.views()}
        allowed = {column: set(values) for column, values in where.items()}
        for name in sorted(set(names) - there):
            if _make_view(self.connection, self.data, name, self._sandboxed, allowed):
                there.add(name)
        return there & set(names)

    def views(self) -> list[View]:
        """List the views that exist, by name."""
        rows = self.connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE NOT internal AND NOT starts_with(table_name, '_') "
            "ORDER BY table_name, column_index"
        ).fetchall()
        found: dict[str, dict[str, str]] = {}
        for view, column, kind in rows:
            found.setdefault(view, {})[column] = kind
        return [View(name, columns) for name, columns in found.items()]

    def table(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Run SQL and return all rows of its last statement.

        Raises:
            QueryError: DuckDB refuses the statement; one line with its reason, and the views.
        """
        try:
            result = self.connection.sql(sql, params=dict(parameters) if parameters else None)
            return pa.table({}) if result is None else result.to_arrow_table()
        except (duckdb.Error, pa.ArrowException) as error:
            raise QueryError(self._explain(error)) from None

    def rows(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, object]]:
        """Run SQL and return its rows as dicts."""
        return list(self.table(sql, parameters).to_pylist())

    def _explain(self, error: Exception) -> str:
        reason = str(error).strip().split("\n\n")[0].replace("\n", " ")
        if "disabled by configuration" in reason:
            return f"{reason}: queries read the views below and nothing else. {self._names()}"
        return f"{reason} {self._names()}"

    def _names(self) -> str:
        names = ", ".join(view.name for view in self.views())
        return f"Views: {names}. `dejavu sql --list` shows their columns."


@contextmanager
def connect(
    data: Path,
    *,
    only: Iterable[str] | None = None,
    settings: Mapping[str, pa.Table] | None = None,
    sandboxed: bool = True,
) -> Iterator[Catalog]:
    """Open views on the tables below `data`.

    Args:
        data: the project's data folder.
        only: names of the views to make; by default every one whose files exist.
        settings: small tables to add, such as the targets that the parameters name.
        sandboxed: False only for queries that are part of this package.

    Raises:
        ArtifactError: nothing has been made yet, or a view in `only` has no files.
    """
    names = list(LAYOUTS) if only is None else list(only)
    with (
        tempfile.TemporaryDirectory(prefix="dejavu-sql-") as scratch,
        duckdb.connect(":memory:") as connection,
    ):
        made = [name for name in names if _make_view(connection, data, name, sandboxed)]
        if not made:
            raise ArtifactError(f"{data}: no tables here yet. Run `dvc repro` to build them.")
        if only is not None and (missing := sorted(set(names) - set(made))):
            raise ArtifactError(f"{data}: no files for {missing}. Run `dvc repro` to build them.")
        for name, table in (settings or {}).items():
            connection.register(f"_{name}", table)
            connection.execute(f'CREATE TEMP VIEW "{name}" AS FROM "_{name}"')
        connection.execute(f"SET temp_directory = '{scratch}'")  # for big sorts
        if sandboxed:
            _lock(connection)
        else:
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        yield Catalog(connection, data, sandboxed=sandboxed)


def path_columns(layout: str) -> tuple[str, ...]:
    """Return the columns of a view that its paths state.

    >>> path_columns("image/neighbors/{model}/{layer}-{metric}")
    ('lane', 'model', 'layer', 'metric')
    """
    stated = tuple(re.findall(r"\{(\w+)\}", layout))
    return stated if layout.startswith("{") else ("lane", *stated)


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Leave DuckDB its scratch folder, and nothing else of the file system."""
    for setting in (
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    data: Path,
    name: str,
    sandboxed: bool,
    allowed: Mapping[str, set[str]] | None = None,
) -> bool:
    selects: list[str] = []
    for layout in LAYOUTS[name]:
        for place, columns in _matches(data, layout):
            if any(
                columns.get(key) not in {*values, None} for key, values in (allowed or {}).items()
            ):
                continue
            hidden, dataset = f"_{name}_{len(selects)}", _dataset(place)
            if sandboxed:
                connection.register(hidden, dataset)
            else:
                files = ", ".join(_text(str(file.absolute())) for file in place)
                connection.execute(f'CREATE TEMP VIEW "{hidden}" AS FROM read_parquet([{files}])')
            constants = "".join(f"{_text(value)} AS {key}, " for key, value in columns.items())
            # vectors of different models have different lengths: as plain lists they fit one view
            lists = "".join(
                f", {field.name}::{_sql_type(field.type.value_type)}[] AS {field.name}"
                for field in dataset.schema
                if pa.types.is_fixed_size_list(field.type)
            )
            star = f"* REPLACE ({lists[2:]})" if lists else "*"
            selects.append(f'SELECT {constants}{star} FROM "{hidden}"')  # noqa: S608 our own names
    if selects:
        union = " UNION ALL BY NAME ".join(selects)
        connection.execute(f'CREATE TEMP VIEW "{name}" AS {union}')
    return bool(selects)


def _dataset(place: list[Path]) -> pads.Dataset:
    try:
        files = [str(file.absolute()) for file in place]
        names = NAMES & set(pq.read_schema(files[0]).names)
        options = pads.ParquetReadOptions(dictionary_columns=names)
        return pads.dataset(files, format=pads.ParquetFileFormat(read_options=options))
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(
            f"{place[0]}: not a readable Parquet table ({error}). Run `dvc repro` to rebuild it."
        ) from None


def _matches(data: Path, layout: str) -> Iterator[tuple[list[Path], dict[str, str]]]:
    """Yield (files, path columns) of each place that fits `layout`, in path order."""
    recursive = layout.endswith("/**")
    stem = layout.removesuffix("/**")
    pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+?)", re.escape(stem)) + "$")
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


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
