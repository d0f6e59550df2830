"""What every view and column means: the data dictionary of `dejavu sql --describe` and docs/tables.md.

Descriptions stand beside the schemas and not in them, so that wording can change without changing a
byte of a table. A test compares both: every column is described, and nothing else is.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Literal

import pyarrow as pa

from dejavu.tables.descriptions import COLUMNS, PATH_COLUMNS, STRUCTS, VIEWS, Meaning
from dejavu.tables.relations import LAYOUTS, path_columns
from dejavu.tables.schemas import TABLES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a view."""

    name: str
    kind: str  # SQL type
    unit: str
    meaning: str
    is_nullable: bool
    source: Literal["path", "table", "field"]  # field: of the struct in the column before it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view: where its files lie, what identifies a row, and its columns."""

    name: str
    about: str
    files: tuple[str, ...]  # below the data folder; {name} becomes a column
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def views() -> list[View]:
    """Return every view of the catalog, described."""
    return [_view(name) for name in LAYOUTS]


def _view(name: str) -> View:
    table, layouts = TABLES[name], LAYOUTS[name]
    own = {found for layout in layouts for found in path_columns(layout)}
    in_path = [column for column in PATH_COLUMNS if column in own]
    columns = [_path_column(column, layouts) for column in in_path]
    for field in table.schema:
        columns += _table_columns(field, COLUMNS[name])
    key = (*in_path, *table.key)
    return View(name=name, about=VIEWS[name], files=layouts, key=key, columns=tuple(columns))


def _path_column(name: str, layouts: tuple[str, ...]) -> Column:
    is_nullable = not all(name in path_columns(layout) for layout in layouts)
    return Column(
        name=name, kind="VARCHAR", unit="", meaning=PATH_COLUMNS[name], is_nullable=is_nullable,
        source="path",
    )  # fmt: skip


def _table_columns(field: pa.Field, meanings: Mapping[str, Meaning]) -> Iterator[Column]:
    unit, meaning = meanings[field.name]
    yield Column(
        name=field.name, kind=sql_type(field.type), unit=unit, meaning=meaning,
        is_nullable=field.nullable, source="table",
    )  # fmt: skip
    inner = field.type.value_type if pa.types.is_list(field.type) else field.type
    if not pa.types.is_struct(inner):
        return
    for part in inner:
        unit, meaning = STRUCTS[field.name][part.name]
        yield Column(
            name=f"{field.name}.{part.name}", kind=sql_type(part.type), unit=unit, meaning=meaning,
            is_nullable=True, source="field",
        )  # fmt: skip


def sql_type(kind: pa.DataType) -> str:
    """Return the type that DuckDB gives a column of an Arrow type.

    >>> sql_type(pa.list_(pa.float32()))
    'FLOAT[]'
    """
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT"
    return _SQL_TYPES[kind]


_SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
}
