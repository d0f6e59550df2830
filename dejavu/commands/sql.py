"""`dejavu sql`: ask the tables a question and show its rows."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import DATA, PARAMS, AsJson, DataFolder, ParamsFile
from dejavu.errors import ParamsError

EXAMPLES = terminal.examples(
    ("dejavu sql --list", "views and named queries"),
    ("dejavu sql --describe image_scores", "its columns, units and meanings"),
    (
        'dejavu sql "SELECT role, count(*) AS n FROM splits GROUP BY role ORDER BY role"',
        "a question",
    ),
    ("dejavu sql --query image_score_counts --json", "a query of the report, for a script"),
    ('dejavu sql "FROM image_scores WHERE is_memorized" --out memorized.parquet', "rows to a file"),
)


class Format(StrEnum):
    """How rows are shown or saved."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def command(
    statement: Annotated[
        str | None, typer.Argument(help='DuckDB\'s SQL, e.g. "FROM image_scores LIMIT 5".')
    ] = None,
    query: Annotated[str | None, typer.Option(help="Run a named query instead.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List views and named queries.")] = False,
    describe: Annotated[str | None, typer.Option(help="Explain the columns of one view.")] = None,
    output: Annotated[
        Format | None,
        typer.Option("--format", help="How rows are shown or saved; else the file's ending says."),
    ] = None,
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option(help="Write the rows to this file.")] = None,
    data: DataFolder = DATA,
    params_path: ParamsFile = PARAMS,
) -> None:
    """Ask the tables of a run a question in SQL (DuckDB). Nothing can be changed by it.

    Every table is a view; docs/tables.md describes them. Named queries are those that make the report.
    """
    if sum([statement is not None, query is not None, list_all, describe is not None]) != 1:
        raise ParamsError(
            'Give one of: a statement ("FROM samples LIMIT 5"), --query NAME, --list, --describe VIEW.'
        )
    chosen = Format.json if as_json else _format(output, out)
    if chosen is Format.parquet and out is None and sys.stdout.isatty():
        raise ParamsError("--format parquet is not for a terminal: add --out FILE, or > FILE.")
    from dejavu.commands import ask, give

    if describe is not None:
        ask.describe(describe, as_json=as_json)
    elif list_all:
        ask.show_all(data, params_path, as_json=as_json)
    else:
        if query is not None:
            rows = ask.named(query, data, params_path)
        else:
            rows = ask.rows(str(statement), data, params_path)
        give.give(rows, chosen, out)


def _format(output: Format | None, out: Path | None) -> Format:
    """Return the format asked for: by name, or by the ending of the file to write."""
    if output is not None or out is None:
        return output or Format.table
    ending = out.suffix.removeprefix(".")
    if ending not in ("csv", "json", "parquet"):
        raise ParamsError(f"{out}: add --format, or end the name in .csv, .json or .parquet.")
    return Format(ending)
