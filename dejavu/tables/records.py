"""Rows of a query as records: the names of its columns and of the record's fields are one thing."""

import dataclasses
from typing import TypeVar

import pyarrow as pa

Record = TypeVar("Record")


def rows_as(record: type[Record], rows: pa.Table) -> list[Record]:
    """Return the rows of a query, one record each.

    Args:
        record: a dataclass whose fields are the columns of the query, in its order.
        rows: what the query found.

    Raises:
        TypeError: query and record differ; says in what.
    """
    fields = fields_of(record)
    columns = rows.column_names
    if fields != columns:
        raise TypeError(f"{record.__name__}: {_difference(fields, columns)}")
    values = (column.to_pylist() for column in rows.columns)
    return [record(*row) for row in zip(*values, strict=True)]


def fields_of(record: object) -> list[str]:
    """Return the names of the fields of a dataclass, or of an instance."""
    assert dataclasses.is_dataclass(record)
    return [field.name for field in dataclasses.fields(record)]


def _difference(fields: list[str], columns: list[str]) -> str:
    missing = [name for name in fields if name not in columns]
    unknown = [name for name in columns if name not in fields]
    if not missing and not unknown:
        return f"its fields are {fields}, the query has these columns in the order {columns}"
    told = (
        f"the query has no column {missing}" if missing else "",
        f"the query has {unknown}, which is no field" if unknown else "",
    )
    return "; ".join(each for each in told if each)
