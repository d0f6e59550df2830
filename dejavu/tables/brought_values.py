"""The columns of tables that people bring: their kinds, and values that are of none of them."""

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import DataError

Kind = Literal["text", "number", "integer", "numbers", "vector", "boxes"]
_BOX = pa.struct([*((c, pa.float64()) for c in ("x0", "y0", "x1", "y1")), ("label", pa.string())])
TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "numbers": pa.list_(pa.float64()),
    "vector": pa.list_(pa.float32()),
    "boxes": pa.list_(_BOX),
}

_ESCAPED = (
    r'(?s)\\.*"|\\$'  # a reader of CSV may have taken the first quote for the end of the cell
)
_QUOTED = r'(?s)^"([^"]|"")*"$'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that a table may have."""

    name: str
    kind: (
        Kind  # text, number (float64), integer (int64), numbers, vector (lists), boxes (of corners)
    )
    is_required: bool = False


def require_quotes(values: pa.Array, column: Column, *, where: str, n_before: int) -> None:
    """Refuse texts of CSV or TSV with a backslash before a quote or at the end: is it an escape?

    Raises:
        DataError: naming the column and the row.
    """
    is_odd = pc.match_substring_regex(values, _ESCAPED)
    if column.kind == "text" and pc.any(is_odd).as_py():
        row = n_before + pc.index(is_odd, value=True).as_py() + 1
        raise DataError(
            f"{where}: column {column.name!r}, row {row}: a backslash stands before a quote or the end. Does "
            'it escape something? In CSV a quote within a cell is written twice (""): save the table anew '
            "so, or as .jsonl or .parquet."
        )


def unquoted(cells: pa.Array) -> pa.Array:
    """Take off the quotes of cells that are quoted as a whole; in TSV any other quote is a character."""
    is_quoted = pc.match_substring_regex(cells, _QUOTED)
    inner = pc.replace_substring(pc.utf8_slice_codeunits(cells, 1, -1), '""', '"')
    return pc.if_else(is_quoted, inner, cells)


def typed(values: pa.Array, column: Column, *, where: str, n_before: int = 0) -> pa.Array:
    """Return `values` as the type of `column`; text is stripped, and empty text becomes null.

    Args:
        values: of any type.
        column: what they must be.
        where: the file, for messages.
        n_before: rows of the file before these.

    Raises:
        DataError: a value is not of the column's kind; the message names the column and the row.
    """
    kind, wanted = values.type, TYPES[column.kind]
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_null(kind):
        return pa.nulls(len(values), wanted)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if is_text or pa.types.is_string_view(kind):
        texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
        texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
        if column.kind == "text":
            return texts
        return _parsed_texts(texts, column, where, n_before)
    fits = {
        "text": pa.types.is_integer,
        "number": lambda k: pa.types.is_integer(k) or pa.types.is_floating(k) or pa.types.is_decimal(k),
        "integer": lambda k: pa.types.is_integer(k) or pa.types.is_floating(k),
        "numbers": _is_list,
        "vector": _is_list_of_numbers,
        "boxes": _is_list,
    }  # fmt: skip
    if not fits[column.kind](kind):
        place = pc.index(values.is_valid(), True).as_py()
        if place < 0:
            return pa.nulls(len(values), wanted)
        raise _unfit(where, column, n_before + place + 1, values[place].as_py())
    if column.kind == "vector":
        return pc.cast(values, wanted, safe=False)  # what float32 cannot hold becomes infinite
    if column.kind in ("numbers", "boxes"):
        return from_values(values.to_pylist(), column, where, n_before + 1)
    if column.kind == "integer" and pa.types.is_floating(kind):
        values = _without_nan(values)
        broken = pc.fill_null(pc.not_equal(values, pc.floor(values)), False)
        if pc.any(broken).as_py():
            place = pc.index(broken, True).as_py()
            raise _unfit(where, column, n_before + place + 1, values[place].as_py())
    return values.cast(wanted)


def _is_list(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return is_list or pa.types.is_fixed_size_list(kind)


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    return _is_list(kind) and (
        pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
    )


def _without_nan(values: pa.Array) -> pa.Array:
    """Turn NaN into null, as pandas writes a missing integer."""
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _parsed_texts(texts: pa.Array, column: Column, where: str, n_before: int) -> pa.Array:
    if column.kind in ("number", "integer"):
        with contextlib.suppress(pa.ArrowInvalid):  # the fast way; else the row is looked for
            return texts.cast(TYPES[column.kind])
    return from_values(texts.to_pylist(), column, where, n_before + 1)


def _unfit(where: str, column: Column, row: int, value: Any) -> DataError:
    expected = {
        "text": "text", "number": "a number", "integer": "a whole number", "numbers": "a list of numbers",
        "vector": "a list of numbers",
        "boxes": "a list of boxes with x0, y0, x1, y1 and, if known, label",
    }[column.kind]  # fmt: skip
    shown = repr(value)
    kind = "NaN" if isinstance(value, float) and math.isnan(value) else type(value).__name__
    return DataError(
        f"{where}: column {column.name!r}, row {row}: found {kind} "
        f"{shown if len(shown) < 60 else shown[:57] + '…'}, expected {expected} or nothing."
    )


def from_values(values: list[Any], column: Column, where: str, first: int) -> pa.Array:
    """Return JSON values as an array of their column's type; a value of another type is refused."""
    checks: dict[Kind, Callable[[Any], Any]] = {
        "text": _as_text, "number": _as_number, "integer": _as_integer,
        "numbers": _as_numbers, "vector": _as_numbers, "boxes": _as_boxes,
    }  # fmt: skip
    check, taken = checks[column.kind], []
    for row, value in enumerate(values, start=first):
        try:
            taken.append(None if value is None else check(value))
        except (TypeError, ValueError, OverflowError):
            raise _unfit(where, column, row, value) from None
    return pa.array(taken, TYPES[column.kind])


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError


def whole(text: str) -> str:
    """Return `text`, with each half of a character (a lone surrogate) replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _as_number(value: Any) -> float | None:
    if isinstance(value, str):
        value = _parsed(value)
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError


def _as_integer(value: Any) -> int | None:
    number = value if isinstance(value, int) else _as_number(value)
    if number is None:
        return None
    if isinstance(value, bool) or number != int(number) or not -(2**63) <= number < 2**63:
        raise ValueError
    return int(number)


def _parsed(text: str) -> float | None:
    text = text.strip()
    return float(text) if text else None


def _as_numbers(value: Any) -> list[float | None] | None:
    if isinstance(value, str):
        value = json.loads(value) if value.strip() else None
    if value is None:
        return None
    if not isinstance(value, list) or any(each is None for each in value):
        raise TypeError
    return [_as_number(each) for each in value]


def _as_boxes(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, str):
        value = json.loads(value) if value.strip() else None
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError
    return [_as_box(each) for each in value]


def _as_box(each: Any) -> dict[str, Any]:
    if not isinstance(each, dict) or not {"x0", "y0", "x1", "y1"} <= each.keys():
        raise TypeError
    label = each.get("label")
    return {
        **{name: _as_number(each[name]) for name in ("x0", "y0", "x1", "y1")},
        "label": None if label is None else _as_text(label).strip() or None,
    }
