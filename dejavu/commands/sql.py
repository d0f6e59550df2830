"""`dejavu sql`: ask the tables a question and show its rows."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.text import Text

from dejavu import params
from dejavu.commands import formats, interruptible, terminal
from dejavu.commands.terminal import DATA, PARAMS, AsJson, DataFolder, ParamsFile
from dejavu.errors import ParamsError, suggestion
from dejavu.params.base import Names
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.params.encoders import Models
from dejavu.params.report import ReportParams, ScoreParams
from dejavu.run.progress import say
from dejavu.tables import catalog, dictionary
from dejavu.tables import queries as named_queries
from dejavu.tables.catalog import VECTORS, Catalog
from dejavu.text import printable

MAX_ROWS_SHOWN = 200  # of a table; other formats hold every row
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
    if describe is not None:
        _describe(describe, as_json=as_json)
        return
    with open_catalog(data, params_path) as opened:
        if list_all:
            _list(opened, as_json=as_json)
            return
        rows = interruptible.rows(opened, named_queries.text(query) if query else str(statement))
    if out is not None:
        _save(rows, chosen, out)
    elif chosen is Format.parquet:
        pq.write_table(rows, typer.get_binary_stream("stdout"), compression="zstd")
    elif chosen is Format.table:
        _show(rows, terminal.console())
    else:
        _print(rows, chosen)


@contextmanager
def open_catalog(data: Path, params_path: Path) -> Iterator[Catalog]:
    """Open the views below `data`, with the small tables that named queries take from params.yaml."""
    with catalog.connect(data, settings=_settings(params_path)) as opened:
        yield opened


def _settings(params_path: Path) -> dict[str, pa.Table]:
    """Return the small tables that named queries join; none without a params.yaml."""
    if not params_path.is_file():
        return {}
    from dejavu.image.targets import targets_of
    from dejavu.report.caption.tables import headline_table, lengths_table
    from dejavu.report.gallery.captions import reference_table
    from dejavu.report.settings import query_tables

    models = params.section(params_path, "image.models", Models)
    metrics = params.section(params_path, "image.neighbors.metrics", Names)
    report = params.section(params_path, "report", ReportParams)
    found = query_tables(
        tuple(targets_of(models, metrics)),
        params.section(params_path, "image.score", ScoreParams),
        report,
    )
    references = reference_table(
        params.section(params_path, "caption.models", CaptionModels),
        params.section(params_path, "caption.score", CaptionScoreParams),
    )
    return found | {
        "lengths": lengths_table(),
        "caption_references": references,
        "caption_headline": headline_table(report.headline.caption),
    }


def _format(output: Format | None, out: Path | None) -> Format:
    """Return the format asked for: by name, or by the ending of the file to write."""
    if output is not None or out is None:
        return output or Format.table
    ending = out.suffix.removeprefix(".")
    if ending not in ("csv", "json", "parquet"):
        raise ParamsError(f"{out}: add --format, or end the name in .csv, .json or .parquet.")
    return Format(ending)


def _list(opened: Catalog, *, as_json: bool) -> None:
    queries = {name: named_queries.about(name) for name in named_queries.names()}
    if as_json:
        views = {view.name: view.columns for view in opened.views()}
        terminal.show_json({"views": views, "queries": queries})
        return
    columns = [
        (view.name, ", ".join(f"{name} {_brief(kind)}" for name, kind in view.columns.items()))
        for view in opened.views()
    ]
    console = terminal.console()
    terminal.show_titled(
        console, "Views (--describe VIEW)", terminal.table(["view", "columns"], columns)
    )
    named = terminal.table(["query", "what it tells"], queries.items())
    terminal.show_titled(console, "Named queries (--query NAME)", named)
    wide = ", ".join(sorted(VECTORS))
    console.print(f"Leave vectors out of SUMMARIZE: SELECT * EXCLUDE ({wide}).", markup=False)


def _brief(kind: str) -> str:
    return "struct[]" if kind.startswith("STRUCT") and kind.endswith("[]") else (
        "struct" if kind.startswith("STRUCT") else kind.lower()
    )  # fmt: skip


def _describe(name: str, *, as_json: bool) -> None:
    known = {view.name: view for view in dictionary.views()}
    if name not in known:
        raise ParamsError(f"no view {name!r}.{suggestion(name, known)}")
    view = known[name]
    rows = [
        {"column": c.name, "type": c.kind, "unit": c.unit, "meaning": c.meaning}
        for c in view.columns
    ]
    if as_json:
        terminal.show_json({"view": name, "about": view.about, "columns": rows})
        return
    console = terminal.console()
    console.print(Text(f"{name}: {view.about}"))
    console.print(terminal.table(["column", "type", "unit", "meaning"], [r.values() for r in rows]))


def _show(rows: pa.Table, console: Console) -> None:
    """Show rows as a table, or one below the other where the terminal is too narrow for that.

    A file or a pipe gets every row.
    """
    if not sys.stdout.isatty() and rows.num_rows > MAX_ROWS_SHOWN:
        for line in formats.lines(rows):
            typer.echo(line)
        return
    longest = terminal.LONGEST_LIST if sys.stdout.isatty() else None
    cells = [
        [terminal.cell(value, longest=longest) for value in row.values()]
        for row in formats.listed(rows.slice(0, MAX_ROWS_SHOWN))
    ]
    table = terminal.table(rows.column_names, cells)
    free = console.options.update(max_width=terminal.PIPED_WIDTH)
    if table.__rich_measure__(console, free).maximum <= console.width or not cells:
        console.print(table)
    else:
        heads = [terminal.cell(name) for name in rows.column_names]
        width = max(map(len, heads))
        for number, row in enumerate(cells, start=1):
            console.print(Text(f"row {number}", style="bold"))
            for head, text in zip(heads, row, strict=True):
                console.print(Text(f"  {head:<{width}}  {text}"))
    if rows.num_rows > MAX_ROWS_SHOWN:
        say(f"{MAX_ROWS_SHOWN} of {rows.num_rows} rows; --format csv, a file or a pipe get all")


def _save(rows: pa.Table, output: Format, out: Path) -> None:
    try:
        if output is Format.parquet:
            pq.write_table(rows, out, compression="zstd")
        elif output is Format.table:
            out.write_text("".join(f"{line}\n" for line in formats.lines(rows)), encoding="utf-8")
        else:
            out.write_bytes(_bytes(rows, output))
    except OSError as error:
        raise ParamsError(f"--out {out}: cannot be written ({error.strerror}).") from None
    say(f"{rows.num_rows} rows in {out}")


def _print(rows: pa.Table, output: Format) -> None:
    content = _bytes(rows, output)
    if sys.stdout.isatty():
        typer.echo(printable(content.decode()), nl=False)
    else:
        typer.echo(content, nl=False)


def _bytes(rows: pa.Table, output: Format) -> bytes:
    if output is Format.json:
        return formats.json_text(rows).encode()
    content, n_changed = formats.csv(rows)
    if n_changed:
        say(
            f"{n_changed} cells that a spreadsheet would run as formulas start with ' here; formats json and "
            "parquet hold them unchanged"
        )
    return content
