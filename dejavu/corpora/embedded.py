"""The images of a generated corpus, kept with its tables."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dejavu.corpora.image_reader import IMAGE_COLUMN
from dejavu.corpora.records import Record

PART = "part-00000.parquet"
IMAGES_PER_GROUP = 200  # a reader fetches one group at a time


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
