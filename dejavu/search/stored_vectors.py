"""Vectors as tables hold them: read by place, or streamed as a bank."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64

from dejavu.search.budget import Budget
from dejavu.search.held_bank import Bank, Block
from dejavu.tables.parquet import Table
from dejavu.tables.schemas import EMBEDDINGS


class Parts:
    """Rows by their place of a table in many files, each looked at once to see how many rows it holds.

    `Table.rows` looks at every part before the one it reads; asking it for one part after the other takes
    time that grows with the square of their number.
    """

    def __init__(self, table: Table, path: Path) -> None:
        """Count the rows of every part.

        Args:
            table: what the files are.
            path: a file, or a folder of ``*.parquet`` parts in name order.

        Raises:
            ArtifactError: there is no such file.
        """
        self._table = table
        files = sorted(path.glob("*.parquet")) if path.is_dir() else []
        self._files = files or [path]
        sizes = [table.count(file) for file in self._files]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.n_rows = int(self._starts[-1])

    def rows(self, start: int, n: int) -> pa.Table:
        """Return up to `n` rows after the first `start`, as `Table.rows` does."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        last = min(int(np.searchsorted(self._starts, start + n)), len(self._files))
        found = [
            self._table.rows(file, max(0, start - int(offset)), start + n - max(start, int(offset)))
            for file, offset in zip(self._files[first:last], self._starts[first:last], strict=True)
        ]
        return pa.concat_tables(found) if found else self._table.schema.empty_table()


def bank_of(
    embeddings: Path,
    block_rows: int,
    budget: Budget | None = None,
    *,
    without: Int64[np.ndarray, " n"] | None = None,
) -> Bank:
    """Return a table of embeddings as a bank that streams `block_rows` rows at a time.

    With a `budget`, fewer where that many would exceed its share for blocks; `without` the samples of
    these ascending ids.
    """
    dim = vectors_of(EMBEDDINGS.rows(embeddings, 0, 1)).shape[1]
    n_at_once = block_rows if budget is None else min(block_rows, budget.block_rows(dim))
    excluded = np.empty(0, np.int64) if without is None else without

    def blocks() -> Iterator[Block]:
        for batch in EMBEDDINGS.batches(embeddings, batch_rows=n_at_once):
            rows = pa.Table.from_batches([batch])
            if len(excluded):
                rows = rows.filter(pa.array(~np.isin(rows["sample_id"].to_numpy(), excluded)))
                if not len(rows):
                    continue
            yield rows["sample_id"].to_numpy(), vectors_of(rows)

    n_rows = EMBEDDINGS.count(embeddings)
    if len(excluded):
        ids = (
            batch["sample_id"].to_numpy()
            for batch in EMBEDDINGS.batches(embeddings, batch_rows=n_at_once, columns=["sample_id"])
        )
        n_rows -= sum(int(np.isin(each, excluded).sum()) for each in ids)
    return Bank(blocks=blocks, n_rows=n_rows, dim=dim)


def vectors_of(rows: pa.Table) -> Float32[np.ndarray, "n dim"]:
    """Return column ``embedding`` as a matrix."""
    column = rows["embedding"].combine_chunks()
    values: np.ndarray = column.flatten().to_numpy()
    return values.reshape(len(rows), -1) if len(rows) else np.empty((0, 1), np.float32)
