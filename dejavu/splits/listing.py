"""The samples of a lane column by column and part by part, so that no text stays in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int, Int64

from dejavu.tables.schemas import SAMPLES

PART_ROWS = 16_384  # read at once
# Columns of a Parquet file below a column of the table; the text in boxes decides nothing here
_LEAVES = {"boxes": [f"boxes.list.element.{corner}" for corner in ("x0", "y0", "x1", "y1")]}
Parts = Callable[[list[str]], Iterator[pa.Table]]


class Listing:
    """Rows of the samples table that are read again for each question, a few at a time.

    Of 40 million captions the text alone is gigabytes, and Python's copy of it several times as much; what
    decides about a sample is a few numbers. So each question reads its own columns, and keeps numbers.
    """

    def __init__(self, ids: Int64[np.ndarray, " n"], parts: Parts) -> None:
        """Take the sample_id of each row, and what yields given columns of all rows, in order."""
        self.ids = ids
        self.parts = parts

    @classmethod
    def of_file(cls, path: Path) -> "Listing":
        """Read a samples table, a row group at a time.

        Raises:
            ArtifactError: there is no such table, or it is damaged; later reads may find out, too.
        """

        def parts(columns: list[str]) -> Iterator[pa.Table]:
            chosen = [leaf for name in columns for leaf in _LEAVES.get(name, [name])]
            for batch in SAMPLES.batches(path, batch_rows=PART_ROWS, columns=chosen):
                yield pa.Table.from_batches([batch])

        ids = np.empty(SAMPLES.count(path), dtype=np.int64)
        for start, part in numbered(parts(["sample_id"])):
            ids[start : start + part.num_rows] = part["sample_id"].to_numpy()
        return cls(ids, parts)

    @classmethod
    def of_table(cls, rows: pa.Table) -> "Listing":
        """Take rows that are in memory; they need only the columns that will be asked for."""

        def parts(columns: list[str]) -> Iterator[pa.Table]:
            chosen = rows.select(columns)
            for start in range(0, rows.num_rows, PART_ROWS):
                yield chosen.slice(start, PART_ROWS)

        n, has_ids = rows.num_rows, "sample_id" in rows.column_names
        return cls(rows["sample_id"].to_numpy() if has_ids else np.arange(n), parts)

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> Iterator[tuple[slice, pa.Array]]:
        """Yield the values of a column in order, and which rows they are of."""
        for start, part in numbered(self.parts([name])):
            yield slice(start, start + part.num_rows), part[name].combine_chunks()

    def take(self, name: str, places: Int[np.ndarray, " wanted"]) -> pa.ChunkedArray:
        """Return the text of a column in the rows at ascending `places`."""
        found = []
        for rows, values in self.column(name):
            low, high = np.searchsorted(places, [rows.start, rows.stop])
            if low < high:
                found.append(values.take(pa.array(places[low:high] - rows.start)))
        return pa.chunked_array(found, type=SAMPLES.schema.field(name).type)

    def text(self, name: str, place: int) -> str | None:
        """Return the text of a column in one row."""
        return self.take(name, np.array([place]))[0].as_py()

    def labels(self) -> Int[np.ndarray, " n"]:
        """Return the label_id of each sample, -1 where it has none."""
        labels = np.empty(len(self), dtype=np.int32)
        for rows, values in self.column("label_id"):
            labels[rows] = values.fill_null(-1).to_numpy()
        return labels

    def has_box(self) -> Bool[np.ndarray, " n"]:
        """Return which samples have a box."""
        found = np.empty(len(self), dtype=bool)
        for rows, boxes in self.column("boxes"):
            found[rows] = pc.list_value_length(boxes).to_numpy() > 0
        return found


def numbered(parts: Iterator[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    """Yield each part with the number of rows before it."""
    start = 0
    for part in parts:
        yield start, part
        start += part.num_rows


def place_type(n: int) -> type[np.signedinteger]:
    """Return the smallest type that holds the place of each of `n` samples, and minus it."""
    return np.int32 if n < 2**31 - 1 else np.int64
