"""Corpus ``captions_table``: a table of image paths and captions."""

from collections.abc import Iterator

from dejavu.corpora.image_reader import external_root
from dejavu.corpora.records import Record
from dejavu.corpora.table_files import read_table
from dejavu.errors import DataError
from dejavu.params.caption_corpora import CaptionsTableParams


class CaptionsTable:
    """Lists the rows of the table; a sample is named by its image's path.

    A path that occurs on several rows (several captions of one image) gives several samples, named
    ``path``, ``path#1``, ...: identical files stay in one role of the split.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, settings: CaptionsTableParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
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
        rows = read_table(self.path, named_by="caption.corpus.table")
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
