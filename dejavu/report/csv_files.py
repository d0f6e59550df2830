"""Flat tables as CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from dejavu.report.numbers import Rows, Value, rounded
from dejavu.text import spreadsheet_safe


def write(rows: Rows, path: Path, columns: Sequence[str]) -> None:
    """Write rows with a header, Unix line ends, shares to six decimals and nothing for null.

    A spreadsheet shows every cell: none is taken for a formula.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_line([spreadsheet_safe(column) for column in columns]))
        file.writelines(_line([_cell(row.get(column)) for column in columns]) for row in rows)


def columns_of(rows: Rows, first: Sequence[str] = ()) -> list[str]:
    """Return the columns of rows in order of appearance; `first` for a table that may be empty."""
    found = dict.fromkeys(first)
    for row in rows:
        found |= dict.fromkeys(row)
    return list(found)


def _line(cells: Sequence[Value]) -> str:
    """Return one row. Python quotes cells with a sign of its line end; a bare return ends a row, too."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if 0 < abs(value) < 1e-4 else rounded(value)
    return "" if value is None else spreadsheet_safe(value)
