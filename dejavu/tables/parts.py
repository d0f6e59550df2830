"""Rows of a folder of parts by their place, opening only the parts that hold them."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from dejavu.tables.parquet import Table


class Parts:
    """A table in many files, each of which was looked at once to see how many rows it holds.

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

    def rows(self, start: int, n: int) -> pa.Table:
        """Return up to `n` rows after the first `start`, as `Table.rows` does."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        last = min(int(np.searchsorted(self._starts, start + n)), len(self._files))
        found = [
            self._table.rows(file, max(0, start - int(offset)), start + n - max(start, int(offset)))
            for file, offset in zip(self._files[first:last], self._starts[first:last], strict=True)
        ]
        return pa.concat_tables(found) if found else self._table.schema.empty_table()
