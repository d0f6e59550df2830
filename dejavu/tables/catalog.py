"""All tables of a project as views of an in-process DuckDB, with what the paths say as columns.

People's own questions run in a sandbox, where DuckDB itself is never allowed near a file: views read Arrow
data sets that Python opens for reading, and access to the file system is switched off and locked before the
first table is opened. So neither a statement nor a name inside a table can change, create or read any other
file. The report's own queries skip the sandbox: DuckDB then reads the files itself, several times faster.
"""

import dataclasses
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from dejavu.errors import ArtifactError, QueryError
from dejavu.tables.relations import LAYOUTS, REFUSALS, literal, make
from dejavu.text import printable

MEMORY_LIMIT = "1GB"  # of the report's queries; larger sorts spill to disk
VECTORS = {"embedding", "neighbor_ids", "similarities"}  # columns too wide to summarize


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """One view: its name and its columns with their SQL types."""

    name: str
    columns: dict[str, str]


class Catalog:
    """An open DuckDB connection whose views are the tables of one project; threads may share it."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        data: Path,
        *,
        scratch: Path,
        sandboxed: bool = True,
    ) -> None:
        self.connection = connection
        self.data = data
        self.scratch = scratch  # DuckDB's folder for big sorts, gone when the catalog closes
        self._sandboxed = sandboxed
        self._one_at_a_time = threading.RLock()  # a connection is no place for two threads

    def add_views(self, names: Iterable[str], **where: Iterable[str]) -> set[str]:
        """Make the views that are not there yet and whose files exist; return which ones now exist.

        Args:
            names: of views.
            **where: values that a column of the paths may have, such as ``layer``; files of others
                stay out of the view. Null, the column of another layout, passes.
        """
        allowed = {column: set(values) for column, values in where.items()}
        with self._one_at_a_time:
            there = {view.name for view in self.views()}
            for name in sorted(set(names) - there):
                if make(self.connection, self.data, name, self._sandboxed, allowed):
                    there.add(name)
        return there & set(names)

    def views(self) -> list[View]:
        """List the views that exist, by name."""
        with self._one_at_a_time:
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
        """Run SQL and return all rows of its last statement, each column under a name of its own.

        Raises:
            QueryError: DuckDB refuses the statement, or a table turns out to be damaged; one line
                with the reason, and the views.
        """
        try:
            with self._one_at_a_time:
                result = self.connection.sql(sql, params=dict(parameters) if parameters else None)
                rows = pa.table({}) if result is None else result.to_arrow_table()
            if self._sandboxed:  # Arrow reads the files, and leaves text unchecked
                rows.validate(full=True)
            return rows.rename_columns(unique(rows.column_names))
        except REFUSALS as error:
            raise QueryError(self._explain(error)) from None
        except RuntimeError as error:
            if "interrupted" in str(error).lower():  # what DuckDB makes of Ctrl-C
                raise KeyboardInterrupt from None
            raise

    def rows(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, object]]:
        """Run SQL and return its rows as dicts."""
        return list(self.table(sql, parameters).to_pylist())

    def _explain(self, error: Exception) -> str:
        reason = printable(str(error).strip().split("\n\n")[0].replace("\n", " "))
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
        connection.execute(f"SET temp_directory = {literal(scratch)}")  # for big sorts
        if sandboxed:
            _lock(connection)
        else:
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        made = [name for name in names if make(connection, data, name, sandboxed)]
        if not made:
            raise ArtifactError(f"{data}: no tables here yet. Run `dvc repro` to build them.")
        if only is not None and (missing := sorted(set(names) - set(made))):
            raise ArtifactError(f"{data}: no files for {missing}. Run `dvc repro` to build them.")
        for name, table in (settings or {}).items():
            connection.register(f"_{name}", table)
            connection.execute(f'CREATE TEMP VIEW "{name}" AS FROM "_{name}"')
        yield Catalog(connection, data, scratch=Path(scratch), sandboxed=sandboxed)


def unique(names: Sequence[str]) -> list[str]:
    """Return the names of columns with a number behind each that was there before.

    Names count as equal where only their case differs, as for DuckDB.

    >>> unique(["sample_id", "label", "sample_id"])
    ['sample_id', 'label', 'sample_id_1']
    """
    taken, found = {name.lower() for name in names}, list[str]()
    used: set[str] = set()
    for name in names:
        new, n = name, 0
        while new.lower() in used or (n and new.lower() in taken):
            n += 1
            new = f"{name}_{n}"
        used.add(new.lower())
        found.append(new)
    return found


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
