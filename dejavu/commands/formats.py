"""Rows of a query as JSON, CSV or lines of text: every value as what it is, nothing left out."""

import datetime
import decimal
import json
import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from dejavu.commands import terminal
from dejavu.errors import QueryError
from dejavu.text import json_printable, spreadsheet_safe

# What `spreadsheet_safe` may change; blanks and signs without width in front are left out by spreadsheets
_MAYBE_FORMULA = r"^[\s\p{Z}\p{Cf}]*[\t\r\n=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"


def json_text(rows: pa.Table) -> str:
    """Return rows as a JSON list of objects; what is not a finite number is null.

    Sums of integers are numbers, times ISO 8601, bytes hexadecimal text, maps lists of pairs.
    """
    found = [{name: _plain(value) for name, value in row.items()} for row in listed(rows)]
    text = json.dumps(found, indent=1, ensure_ascii=False, default=str, allow_nan=False)
    return json_printable(text) + "\n"


def csv(rows: pa.Table) -> tuple[bytes, int]:
    """Return rows as CSV of UTF-8, and how many cells got a ``'`` so that no spreadsheet runs them.

    Lists, structs and other nested values are JSON text.
    """
    columns: list[Any] = []
    n_changed = 0
    for column in rows.columns:
        flat, n = _flat(column)
        columns.append(flat)
        n_changed += n
    names = [spreadsheet_safe(name) for name in rows.column_names]
    n_changed += sum(new != old for new, old in zip(names, rows.column_names, strict=True))
    sink = pa.BufferOutputStream()
    options = pacsv.WriteOptions(quoting_style="needed")
    pacsv.write_csv(pa.table(columns, names=names), sink, options)
    return sink.getvalue().to_pybytes(), n_changed


def lines(rows: pa.Table) -> Iterator[str]:
    """Yield all rows as lines of aligned cells, below a line of names and a rule."""
    cells = [[terminal.cell(value, longest=None) for value in row.values()] for row in listed(rows)]
    heads = [terminal.cell(name) for name in rows.column_names]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    yield _line(heads, widths)
    yield "─┼─".join("─" * width for width in widths)
    for row in cells:
        yield _line(row, widths)


def _line(cells: list[str], widths: list[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return " │ ".join(padded).rstrip()


def listed(rows: pa.Table) -> list[dict[str, Any]]:
    """Return rows as dicts; times are text, as those of the year 290000 are none of Python's.

    Raises:
        QueryError: a value within a list or struct has no equal in Python.
    """
    columns = [
        column.cast(pa.string()) if pa.types.is_temporal(column.type) and not _is_span(column.type)
        else column
        for column in rows.columns
    ]  # fmt: skip
    try:
        found: list[dict[str, Any]] = pa.table(columns, names=rows.column_names).to_pylist()
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise QueryError(
            f"a value has no equal in Python ({error}). Cast its column to VARCHAR."
        ) from None
    return found


def _is_span(kind: pa.DataType) -> bool:
    return pa.types.is_duration(kind) or pa.types.is_interval(kind)


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            return None
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return f"{value.months} months {value.days} days {value.nanoseconds / 1e9:g} seconds"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _flat(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray | pa.Array, int]:
    """Return a column that CSV can hold, and how many of its cells are changed for that."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if not pc.any(pc.match_substring_regex(column, _MAYBE_FORMULA)).as_py():
            return column, 0
        texts = column.to_pylist()
        safe = [spreadsheet_safe(text) for text in texts]
        return pa.array(safe, pa.large_string()), sum(
            new != old for new, old in zip(safe, texts, strict=True)
        )
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column, 0
    if pa.types.is_decimal(kind) or (pa.types.is_temporal(kind) and not _is_span(kind)):
        return column.cast(pa.string()) if pa.types.is_temporal(kind) else column, 0
    if pa.types.is_null(kind):
        return column, 0
    values = [row["x"] for row in listed(pa.table({"x": column}))]
    return pa.array([_nested(value) for value in values], pa.large_string()), 0


def _nested(value: Any) -> str | None:
    plain = _plain(value)
    if plain is None or isinstance(plain, str):
        return spreadsheet_safe(plain)
    return json.dumps(plain, ensure_ascii=False, default=str, allow_nan=False)
