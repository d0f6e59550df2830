"""Tables that list samples: CSV, TSV, Parquet or JSON lines."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from dejavu.errors import DataError

SUFFIXES = (".csv", ".jsonl", ".parquet", ".tsv")


def read_table(path: Path, *, named_by: str, texts: Sequence[str] = ()) -> pa.Table:
    """Read all columns of a table, of a kind that its suffix tells.

    Args:
        path: the file.
        named_by: the key of params.yaml that names it, for messages.
        texts: columns that are text even where they look like numbers (names with zeros in front).

    Raises:
        DataError: it is missing, of another kind, or damaged.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: expected a table that ends in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file; {named_by} names it.")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        if path.suffix == ".jsonl":
            return pyarrow.json.read_json(path)
        parse = pyarrow.csv.ParseOptions(
            delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=path.suffix == ".csv",
            quote_char=False if path.suffix == ".tsv" else '"',
        )  # fmt: skip
        text = pyarrow.csv.ConvertOptions(
            strings_can_be_null=False, column_types=dict.fromkeys(texts, pa.string())
        )
        return pyarrow.csv.read_csv(path, parse_options=parse, convert_options=text)
    except pa.ArrowException as error:
        raise DataError(f"{path}: not a readable table: {error}") from None
