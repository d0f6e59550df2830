"""How commands show things: fitted to a terminal, or plain and at full width when piped."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 100_000  # characters: nothing is cut or wrapped in a file or a pipe
_LONGEST_LIST = 6  # values of a list that a cell shows

DataFolder = Annotated[Path, typer.Option("--data", help="Folder of the tables.")]
ParamsFile = Annotated[Path, typer.Option("--params", help="The params.yaml to read.")]
ReportFolder = Annotated[Path, typer.Option("--reports", help="Folder of the report.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]
DATA, PARAMS, REPORTS = Path("data"), Path("params.yaml"), Path("reports")


def console() -> Console:
    """Return a console on stdout; a pipe gets no colors, no wrapping and no shortened cells."""
    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=PIPED_WIDTH if is_free else None, highlight=False)


def show_json(value: Any) -> None:
    """Print `value` as JSON; what JSON does not know (dates, …) becomes text."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def show_titled(console: Console, title: str, shown: Table) -> None:
    """Print a table below its title; a table's own title would be folded to the table's width."""
    console.print(Text(title, style="bold"))
    console.print(shown)


def examples(*lines: tuple[str, str]) -> str:
    """Return the epilog of a command's help: (command, what it does) pairs."""
    shown = [f"[bold]{command}[/bold]  [dim]{about}[/dim]" for command, about in lines]
    return "\n\n".join(["[yellow]Examples[/yellow]", *shown])


def table(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Table:
    """Return a table of plain cells: nothing in them is read as markup."""
    made = Table()
    for column in columns:
        made.add_column(Text(column), overflow="fold")
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else Text(cell(value)) for value in row))
    return made


def cell(value: Any) -> str:
    """Return a value as the text of one cell.

    >>> cell([0.123456789, None, {"x": True}])
    '[0.123457, , {x: true}]'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {cell(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        shown = ", ".join(cell(item) for item in value[:_LONGEST_LIST])
        rest = f", … {len(value)} in all" if len(value) > _LONGEST_LIST else ""
        return f"[{shown}{rest}]"
    return "" if value is None else str(value)
