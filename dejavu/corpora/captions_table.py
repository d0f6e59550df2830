"""Corpus ``captions_table``: a table of picture paths and captions."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from dejavu.corpora.records import Record
from dejavu.errors import DataError
from dejavu.params.caption_corpora import CaptionsTableParams
from dejavu.pictures import external_root

SUFFIXES = (".csv", ".jsonl", ".parquet", ".tsv")


class CaptionsTable:
    """Lists the rows of the table; a sample is named by its picture's path.

    A path that occurs on several rows (several captions of one picture) gives several samples, named
    ``path``, ``path#1``, ...: identical files stay in one role of the split.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, settings: CaptionsTableParams, seed: int, data_root: str) -> None:  # noqa: ARG002
        self.settings = settings
        self.root: str | None = settings.root
        self.path = external_root(data_root, settings.root) / settings.table

    def records(self) -> Iterator[Record]:
        """Yield one record per row, in the order of the table.

        Raises:
            DataError: the table is missing, of an unknown kind, or lacks a column.
        """
        seen: dict[str, int] = {}
        paths, captions = (self.settings.path_column, self.settings.caption_column)
        rows = _read(self.path)
        for name in (paths, captions):
            if name not in rows.column_names:
                raise DataError(
                    f"{self.path}: no column {name!r}; found {', '.join(rows.column_names)}. "
                    "caption.corpus.path_column and caption_column name the columns."
                )
        for batch in rows.select([paths, captions]).to_batches(max_chunksize=65_536):
            for uri, caption in zip(
                batch[paths].to_pylist(), batch[captions].to_pylist(), strict=True
            ):
                uri = "" if uri is None else str(uri).strip()
                number = seen.get(uri, 0)
                seen[uri] = number + 1
                yield Record(
                    name=f"{uri}#{number}" if number else uri,
                    uri=uri,
                    caption=None if caption is None else str(caption).strip() or None,
                    problem=None if uri else "no_path",
                )


def _read(path: Path) -> pa.Table:
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: expected a table that ends in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file; caption.corpus.table names it.")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        if path.suffix == ".jsonl":
            return pyarrow.json.read_json(path)
        parse = pyarrow.csv.ParseOptions(
            delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=path.suffix == ".csv",
            quote_char=False if path.suffix == ".tsv" else '"',
        )  # fmt: skip
        text = pyarrow.csv.ConvertOptions(strings_can_be_null=False)
        return pyarrow.csv.read_csv(path, parse_options=parse, convert_options=text)
    except pa.ArrowException as error:
        raise DataError(f"{path}: not a readable table: {error}") from None
