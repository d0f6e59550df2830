"""The images of a generated corpus, kept with its tables."""

import collections
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dejavu.corpora.image_reader import IMAGE_COLUMN
from dejavu.corpora.records import Record
from dejavu.run import cores

PART = "part-00000.parquet"
_THREADS = (
    4  # at most: each holds a block of images, and Python's own work is done by one at a time
)
IMAGES_PER_GROUP = 200  # a reader fetches one group at a time


def drawn(n_blocks: int, block: Callable[[int], list[Record]]) -> Iterator[Record]:
    """Yield the records of all blocks in order; threads draw the next blocks while one is used.

    Args:
        n_blocks: how many there are.
        block: makes the records of one from its number alone, so that threads change nothing.
    """
    threads = min(_THREADS, cores.given())
    with ThreadPoolExecutor(threads) as pool:
        waiting: collections.deque[Future[list[Record]]] = collections.deque()
        try:
            for number in range(n_blocks):
                waiting.append(pool.submit(block, number))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:  # an error, or nobody wants the rest
            pool.shutdown(wait=False, cancel_futures=True)


class Store:
    """One Parquet file of encoded images that is read group by group; a context."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._schema = pa.schema([pa.field(IMAGE_COLUMN, pa.binary(), nullable=False)])
        self._writer = pq.ParquetWriter(
            path, self._schema, compression="none", use_dictionary=False
        )

    def write(self, records: list[Record]) -> None:
        """Add the images of `records` as one group."""
        rows = pa.table({IMAGE_COLUMN: [r.image for r in records]}, schema=self._schema)
        self._writer.write_table(rows, row_group_size=IMAGES_PER_GROUP)

    def __enter__(self) -> "Store":
        """Return the open file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the file."""
        self._writer.close()
