"""Read tables that people bring: CSV, TSV, JSON Lines or Parquet, with columns of a stated kind.

Nothing is turned into text, or into a number, that was not one: a list, a truth value or bytes in a column of
text is an error that names the column and the row. What is empty stays empty (null), and whoever asked
for the table says what that means. Rows are counted from 1, without the header.

CSV and TSV are UTF-8, with or without a byte order mark, or UTF-16 with one. Another encoding is stated in
the name of the file: ``captions.cp1252.csv``.
"""

import codecs
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from dejavu.errors import DataError, suggestion
from dejavu.run import odd_files
from dejavu.run.progress import say
from dejavu.tables.brought_values import TYPES, Column, from_values, require_quotes, typed, unquoted

SUFFIXES = (".csv", ".jsonl", ".parquet", ".tsv")
BATCH_ROWS, VECTORS = 65_536, 8_192  # rows at once; vectors are long
MAX_BATCH_BYTES = 1 << 30  # of texts of one column in as many rows: 16 kB each
_BLOCK_BYTES = 1 << 24  # of a text file parsed at once: no row may be longer
_SHOWN = 5  # of values or keys in a message
# Other people's words for the columns of ours: taken for a mistake, never for the column.
_ALIASES = {
    "x0": ("xmin", "left"), "y0": ("ymin", "top"), "x1": ("xmax", "right"), "y1": ("ymax", "bottom"),
    "label": ("class", "category"), "sample_name": ("name", "id"), "score": ("confidence",),
}  # fmt: skip


def read(
    path: Path, columns: Sequence[Column], *, named_by: str, unique: Sequence[str] = ()
) -> pa.Table:
    """Return the columns of `columns` that a table has, with their types, in this order.

    Args:
        path: the file; its suffix tells what it is.
        columns: what it may hold. Others are named once, and ignored.
        named_by: the key of params.yaml that names it, for messages.
        unique: columns that are there and whose values, together, no two rows may share.

    Raises:
        DataError: the file is missing, no regular file, of another kind or damaged, lacks a column, has
            one twice, or holds a value that is not of its column's kind, or a repeated key.
    """
    parts = list(batches(path, columns, named_by=named_by))
    table = pa.Table.from_batches(parts[1:], schema=parts[0].schema)
    keys = [name for name in unique if name in table.column_names]
    if keys:
        _require_unique(path, table, keys)
    return table


def batches(path: Path, columns: Sequence[Column], *, named_by: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `read` in parts; the first part has no rows, and tells the schema."""
    source = _SOURCES.get(path.suffix.lower())
    if source is None:
        raise DataError(
            f"{path}: expected a table that ends in {', '.join(SUFFIXES)} ({named_by} names it)."
        )
    odd_files.require_file(path, named_by=named_by)
    by_name = {column.name: column for column in columns}
    with _translated(path):
        names, parts = source(path, by_name)
        found = _known(path, names, columns)
        schema = pa.schema([(column.name, TYPES[column.kind]) for column in found])
        yield pa.RecordBatch.from_pylist([], schema=schema)
        n_before = 0
        for part in parts:
            arrays = [
                typed(part[each.name], each, where=str(path), n_before=n_before) for each in found
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            n_before += part.num_rows


def listed(values: Sequence[Any]) -> str:
    """Return the first few values as text."""
    shown = ", ".join(repr(value) for value in values[:_SHOWN])
    return shown + (f", … ({len(values)} in all)" if len(values) > _SHOWN else "")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what parsers raise into one error that names the file."""
    try:
        yield
    except DataError:
        raise
    except UnicodeError as error:
        raise DataError(f"{path}: {_not_decoded(error)}") from None
    except (pa.ArrowException, OSError, ValueError, RecursionError, MemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "invalid UTF8" in text:
            raise DataError(f"{path}: {_not_decoded(error)}") from None
        raise DataError(f"{path}: not a readable table: {text}") from None


def _not_decoded(error: Exception) -> str:
    return (
        f"its text cannot be decoded ({error}). Save it as UTF-8, or state its encoding in its name, like "
        "captions.cp1252.csv."
    )


# Each source returns the names of all columns, and parts with (at least) the known ones.
Parts = tuple[list[str], Iterator[pa.RecordBatch]]


def _from_text(path: Path, known: dict[str, Column]) -> Parts:
    is_tsv = path.suffix.lower() == ".tsv"
    encoding = encoding_of(path)
    parse = pyarrow.csv.ParseOptions(
        delimiter="\t" if is_tsv else ",", newlines_in_values=not is_tsv,
        quote_char=False if is_tsv else '"',
    )  # fmt: skip
    # Every cell is read as text: a name may look like a number, and zeros in front belong to it.
    header = pyarrow.csv.ReadOptions(encoding=encoding, block_size=_BLOCK_BYTES)
    with pyarrow.csv.open_csv(
        path, read_options=header, parse_options=parse,
        convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=False),
    ) as stream:  # fmt: skip
        names = list(stream.schema.names)
    convert = pyarrow.csv.ConvertOptions(
        strings_can_be_null=False, column_types=dict.fromkeys(names, pa.string())
    )
    reader = pyarrow.csv.open_csv(
        path, read_options=header, parse_options=parse, convert_options=convert
    )
    bare = [unquoted(pa.array([name])).to_pylist()[0] for name in names] if is_tsv else names

    def parts() -> Iterator[pa.RecordBatch]:
        n_before = 0
        for batch in reader:
            for name, cells in zip(bare, batch.columns, strict=True):
                if name in known:
                    require_quotes(cells, known[name], where=str(path), n_before=n_before)
            n_before += batch.num_rows
            columns = [unquoted(cells) for cells in batch.columns] if is_tsv else batch.columns
            yield pa.RecordBatch.from_arrays(columns, bare)

    return bare, parts()


def _from_json(path: Path, known: dict[str, Column]) -> Parts:
    encoding = encoding_of(path)
    names: dict[str, None] = {}
    with path.open(encoding=encoding) as stream:  # all rows: each may have other keys
        for _, row in _objects(path, stream):
            names |= dict.fromkeys(row)

    def parts() -> Iterator[pa.RecordBatch]:
        wanted = [name for name in names if name in known]
        with path.open(encoding=encoding) as stream:
            rows = _objects(path, stream)
            while chunk := list(itertools.islice(rows, BATCH_ROWS)):
                arrays = [
                    from_values(
                        [row.get(name) for _, row in chunk], known[name], str(path), chunk[0][0]
                    )
                    for name in wanted
                ]
                yield pa.RecordBatch.from_arrays(arrays, names=wanted)

    return list(names), parts()


def _objects(path: Path, stream: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for line in stream:
        if not line.strip():
            continue
        number += 1
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: row {number} is not JSON: {error}.") from None
        if not isinstance(row, dict):
            raise DataError(
                f"{path}: row {number} is a {type(row).__name__}, expected an object per line."
            )
        yield number, row


def _from_parquet(path: Path, known: dict[str, Column]) -> Parts:
    schema = pq.read_schema(path)
    names = list(schema.names)
    wanted = [name for name in dict.fromkeys(names) if name in known]
    n_rows = VECTORS if any(known[name].kind == "vector" for name in wanted) else BATCH_ROWS
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    # Texts come as positions in a list of them, and are measured before they are written out.
    parquet = pq.ParquetFile(path, read_dictionary=texts)

    def parts() -> Iterator[pa.RecordBatch]:
        if not wanted:
            return
        with parquet:
            for batch in parquet.iter_batches(batch_size=n_rows, columns=wanted):
                arrays = [_written_out(batch[name]) for name in wanted]
                rows = pa.RecordBatch.from_arrays(arrays, wanted)
                rows.validate(full=True)  # a damaged file may hold lengths that lead nowhere
                yield rows

    return names, parts()


def _written_out(values: pa.Array) -> pa.Array:
    """Return texts one by one; refuse a few long ones that stand for gigabytes."""
    if not pa.types.is_dictionary(values.type):
        return values
    values.validate(full=True)
    n_bytes = pc.sum(pc.binary_length(values.dictionary).take(values.indices)).as_py() or 0
    if n_bytes > MAX_BATCH_BYTES:
        raise ValueError(
            f"{len(values):,} texts of {n_bytes:,} bytes, expected at most {MAX_BATCH_BYTES:,}"
        )
    return values.cast(values.type.value_type)


_SOURCES: dict[str, Callable[[Path, dict[str, Column]], Parts]] = {
    ".csv": _from_text, ".tsv": _from_text, ".jsonl": _from_json, ".parquet": _from_parquet,
}  # fmt: skip


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: from its byte order mark, from its name, or UTF-8.

    Raises:
        DataError: it looks like UTF-16 without a byte order mark, or is empty.
    """
    with path.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        raise DataError(f"{path}: is empty, expected a table with the names of its columns.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if b"\0" in start:
        raise DataError(
            f"{path}: holds zero bytes: UTF-16 without a byte order mark, or no text. Save it as UTF-8."
        )
    stated = path.stem.rpartition(".")[2] if "." in path.stem else ""
    try:
        return codecs.lookup(stated).name if stated else "utf-8"
    except LookupError:
        return "utf-8"


def _known(path: Path, names: Sequence[str], columns: Sequence[Column]) -> list[Column]:
    """Return the columns that are there; refuse repeated names, misspelled ones, and missing ones."""
    if repeated := sorted({name for name in names if list(names).count(name) > 1}):
        raise DataError(f"{path}: columns occur more than once: {listed(repeated)}.")
    known = [column.name for column in columns]
    missing = [c.name for c in columns if c.is_required and c.name not in names]
    strange = [name for name in names if name not in known]
    for name in strange:
        for meant in known:
            if meant not in names and name.strip().lower() in (meant, *_ALIASES.get(meant, ())):
                raise DataError(
                    f"{path}: has a column {name!r}, and none called {meant!r}. Rename it to {meant} if "
                    f"it means that, or to something else. Known columns: {', '.join(known)}."
                )
    if missing:
        raise DataError(
            f"{path}: lacks column {', '.join(missing)}; found {', '.join(names) or 'none'}."
            + (suggestion(strange[0], missing) if strange else "")
        )
    if strange:
        say(f"{path}: columns that nothing reads: {', '.join(strange)}")
    return [column for column in columns if column.name in names]


def _require_unique(path: Path, table: pa.Table, keys: Sequence[str]) -> None:
    counts = table.group_by(list(keys), use_threads=False).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1)).select(list(keys))
    if repeated.num_rows:
        shown = [
            row[0] if len(row) == 1 else row
            for row in zip(*(c.to_pylist() for c in repeated.columns), strict=True)
        ]
        raise DataError(
            f"{path}: {repeated.num_rows} values of {', '.join(keys)} occur in more than one row, expected "
            f"each once: {listed(shown)}."
        )
