"""How commands show things: fitted to a terminal, or plain and at full width when piped."""

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dejavu.errors import ParamsError
from dejavu.text import json_printable, printable

PIPED_WIDTH = 100_000  # characters: nothing is cut or wrapped in a file or a pipe
_PIPED_HEIGHT = 25  # lines, as Rich takes it where it sees no terminal; nothing is paged
LONGEST_LIST = 6  # values of a list that a cell shows

DataFolder = Annotated[Path, typer.Option("--data", help="Folder of the tables.")]
ParamsFile = Annotated[Path, typer.Option("--params", help="The params.yaml to read.")]
ReportFolder = Annotated[Path, typer.Option("--reports", help="Folder of the report.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]
NewFile = Annotated[Path | None, typer.Option("--out", help="Write to this new file.")]
DATA, PARAMS, REPORTS = Path("data"), Path("params.yaml"), Path("reports")


def console(*, widest: int = PIPED_WIDTH) -> Console:
    """Return a console on stdout; a pipe gets no colors, no wrapping and no shortened cells.

    Args:
        widest: columns at most; cells are folded into more lines, never cut.
    """
    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    # with FORCE_COLOR and TERM=dumb, as in many a CI, Rich takes a width only beside a height
    width, height = (PIPED_WIDTH, _PIPED_HEIGHT) if is_free else (None, None)
    found = Console(width=width, height=height, highlight=False)
    found.width = min(found.width, widest)
    return found


def show_json(value: Any) -> None:
    """Print `value` as JSON; what JSON does not know (dates, …) becomes text, NaN null."""
    plain = _finite(value)
    text = json.dumps(plain, indent=1, ensure_ascii=False, default=str, allow_nan=False)
    typer.echo(json_printable(text))


def show_document(text: str, out: Path | None) -> None:
    """Print a document, or write it to a file that is not there yet and say which."""
    if out is None:
        typer.echo(text, nl=False)
        return
    require_new(out, "file")
    out.write_text(text, encoding="utf-8")
    typer.echo(str(out))


def require_new(out: Path, what: str) -> None:
    """Raise ParamsError if there is something where a file or folder is to be made."""
    if out.exists():
        raise ParamsError(f"{out}: is there already and would be overwritten. Name another {what}.")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def show_titled(console: Console, title: str, shown: Table) -> None:
    """Print a table below its title; a table's own title would be folded to the table's width."""
    console.print(Text(title, style="bold"))
    console.print(shown)


def show_named(
    console: Console, title: str, columns: tuple[str, str], pairs: Iterable[tuple[str, str]]
) -> None:
    """Print names with what belongs to them: a table for a terminal, a line each for a file or a pipe."""
    if sys.stdout.isatty():
        show_titled(console, title, table(columns, pairs))
        return
    for line in (title, *(f"  {cell(name)}: {cell(text)}" for name, text in pairs)):
        console.print(
            Text(line), soft_wrap=True
        )  # COLUMNS may be set, and a line is a line for grep


def examples(*lines: tuple[str, str]) -> str:
    """Return the epilog of a command's help: (command, what it does) pairs."""
    shown = [f"[bold]{command}[/bold]  [dim]{about}[/dim]" for command, about in lines]
    return "\n\n".join(["[yellow]Examples[/yellow]", *shown])


def table(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Table:
    """Return a table of plain cells: nothing in them is read as markup, or obeyed by the terminal."""
    made = Table()
    for column in columns:
        made.add_column(Text(cell(column)), overflow="fold")
    for row in rows:
        made.add_row(*(_text(value) for value in row))
    return made


def _text(value: Any) -> Text:
    if not isinstance(value, Text):
        return Text(cell(value))
    return value if printable(value.plain) == value.plain else Text(printable(value.plain))


def cell(value: Any, *, longest: int | None = LONGEST_LIST) -> str:
    """Return a value as the text of one cell, in one line.

    Args:
        value: of any kind.
        longest: values of a list that are shown; None: all.

    >>> cell([0.123456789, None, {"x": True}])
    '[0.123457, , {x: true}]'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        items = (
            f"{printable(str(k), keep='')}: {cell(v, longest=longest)}" for k, v in value.items()
        )
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        shown = ", ".join(cell(item, longest=longest) for item in value[:longest])
        is_cut = longest is not None and len(value) > longest
        return f"[{shown}{f', … {len(value)} in all' if is_cut else ''}]"
    return "" if value is None else printable(str(value), keep="")
