"""`dejavu sql`: run a question and show its rows."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from dejavu import catalog, named_queries, params
from dejavu.catalog import VECTORS, Catalog
from dejavu.errors import ParamsError
from dejavu.params.base import Names
from dejavu.params.encoders import Models
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.progress import say
from dejavu.report.settings import query_tables
from dejavu.targets import targets_of

MAX_ROWS_SHOWN = 200  # of a table on the terminal; other formats hold every row
_LONGEST_LIST = 6  # values of a list that a cell shows


def run(
    *,
    statement: str | None,
    query: str | None,
    list_views: bool,
    output: str,
    out: Path | None,
    data: Path,
    params_path: Path,
) -> None:
    """Run a statement or a named query on the tables below `data`, or list what there is.

    Args:
        statement: SQL; DuckDB's dialect.
        query: name of a query in ``dejavu/sql``.
        list_views: list views and queries instead of running anything.
        output: table, csv, json or parquet.
        out: file to write; needed for parquet, otherwise rows go to stdout.
        data: the folder of the tables.
        params_path: a params.yaml; what named queries take from it is left out where it is missing.

    Raises:
        ParamsError: not exactly one thing to run, or parquet without a file.
        ArtifactError: there are no tables.
        QueryError: DuckDB refuses the statement.
    """
    if sum([statement is not None, query is not None, list_views]) != 1:
        raise ParamsError(
            'Give one of: a statement ("FROM samples LIMIT 5"), --query NAME, --list.'
        )
    if output == "parquet" and out is None:
        raise ParamsError("--format parquet writes a file: add --out FILE.")
    with _open(data, params_path) as opened:
        if list_views:
            _list(opened)
            return
        rows = opened.table(named_queries.text(query) if query else str(statement))
    if out is None and output == "table":
        _show(rows)
    else:
        _write(rows, output, out)


@contextmanager
def _open(data: Path, params_path: Path) -> Iterator[Catalog]:
    with catalog.connect(data, settings=_settings(params_path)) as opened:
        yield opened


def _settings(params_path: Path) -> dict[str, pa.Table]:
    """Return the small tables that named queries join; none without a params.yaml."""
    if not params_path.is_file():
        return {}
    models = params.section(params_path, "image.models", Models)
    metrics = params.section(params_path, "image.neighbors.metrics", Names)
    return query_tables(
        tuple(targets_of(models, metrics)),
        params.section(params_path, "image.score", ScoreParams),
        params.section(params_path, "report", ReportParams),
    )


def _list(opened: Catalog) -> None:
    console = Console()
    views = Table("view", "columns", title="Views", title_justify="left")
    for view in opened.views():
        columns = ", ".join(f"{name} {kind.lower()}" for name, kind in view.columns.items())
        views.add_row(view.name, columns)
    console.print(views)
    queries = Table("query", "what it tells", title="Named queries (--query)", title_justify="left")
    for name in named_queries.names():
        queries.add_row(name, named_queries.about(name))
    console.print(queries)
    wide = ", ".join(sorted(VECTORS))
    console.print(f"Leave vectors out of SUMMARIZE: SELECT * EXCLUDE ({wide}).", markup=False)


def _show(rows: pa.Table) -> None:
    table = Table(*rows.column_names)
    for row in rows.slice(0, MAX_ROWS_SHOWN).to_pylist():
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)
    if rows.num_rows > MAX_ROWS_SHOWN:
        say(f"{MAX_ROWS_SHOWN} of {rows.num_rows} rows; --format csv shows all")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        shown = ", ".join(_cell(item) for item in value[:_LONGEST_LIST])
        rest = f", … {len(value)} in all" if len(value) > _LONGEST_LIST else ""
        return f"[{shown}{rest}]"
    text = "" if value is None else str(value)
    return text.replace("[", "\\[")  # rich reads brackets as markup


def _write(rows: pa.Table, output: str, out: Path | None) -> None:
    if output == "parquet":
        assert out is not None  # checked by `run`
        pq.write_table(rows, out, compression="zstd")
        return
    text = _csv(rows) if output in ("csv", "table") else _json(rows)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _json(rows: pa.Table) -> str:
    return json.dumps(rows.to_pylist(), indent=1, ensure_ascii=False, default=str) + "\n"


def _csv(rows: pa.Table) -> str:
    flat = pa.table(
        {
            name: pa.array([json.dumps(v, default=str) for v in rows[name].to_pylist()])
            if pa.types.is_nested(rows.schema.field(name).type)
            else rows[name]
            for name in rows.column_names
        }
    )
    buffer = io.BytesIO()
    pacsv.write_csv(flat, buffer, pacsv.WriteOptions(quoting_style="needed"))
    return buffer.getvalue().decode()
