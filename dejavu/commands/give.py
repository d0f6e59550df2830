"""Give the rows of an answer away: to a terminal, a pipe or a file."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.text import Text

from dejavu.commands import formats, terminal
from dejavu.errors import ParamsError
from dejavu.run.progress import say
from dejavu.text import printable

MAX_ROWS_SHOWN = 200  # of a table; other formats hold every row


def give(rows: pa.Table, output: str, out: Path | None) -> None:
    """Print rows, or save them.

    Args:
        rows: of any columns.
        output: ``table``, ``csv``, ``json`` or ``parquet``.
        out: a file to write; None: print.

    Raises:
        ParamsError: the file cannot be written.
    """
    if out is not None:
        _save(rows, output, out)
    elif output == "parquet":
        pq.write_table(rows, typer.get_binary_stream("stdout"), compression="zstd")
    elif output == "table":
        _show(rows, terminal.console())
    else:
        _print(rows, output)


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


def _save(rows: pa.Table, output: str, out: Path) -> None:
    try:
        if output == "parquet":
            pq.write_table(rows, out, compression="zstd")
        elif output == "table":
            out.write_text("".join(f"{line}\n" for line in formats.lines(rows)), encoding="utf-8")
        else:
            out.write_bytes(_bytes(rows, output))
    except OSError as error:
        raise ParamsError(f"--out {out}: cannot be written ({error.strerror}).") from None
    say(f"{rows.num_rows} rows in {out}")


def _print(rows: pa.Table, output: str) -> None:
    content = _bytes(rows, output)
    if sys.stdout.isatty():
        typer.echo(printable(content.decode()), nl=False)
    else:
        typer.echo(content, nl=False)


def _bytes(rows: pa.Table, output: str) -> bytes:
    if output == "json":
        return formats.json_text(rows).encode()
    content, n_changed = formats.csv(rows)
    if n_changed:
        say(
            f"{n_changed} cells that a spreadsheet would run as formulas start with ' here; formats json and "
            "parquet hold them unchanged"
        )
    return content
