"""Corpus ``captions_table``: a table of image paths and captions."""

from collections.abc import Iterator

from dejavu.corpora.records import Record
from dejavu.corpora.roots import local_root
from dejavu.params.caption_corpora import CaptionsTableParams
from dejavu.tables import brought
from dejavu.tables.brought_values import Column


class CaptionsTable:
    """Lists the rows of the table; a sample is named by its image's path.

    A path that occurs on several rows (several captions of one image) gives several samples, named
    ``path``, ``path#1``, ...: identical files stay in one role of the split.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, settings: CaptionsTableParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.root: str | None = settings.root
        self.path = local_root(data_root, settings.root) / settings.table

    def records(self) -> Iterator[Record]:
        """Yield one record per row, in the order of the table.

        Raises:
            DataError: the table is missing, of an unknown kind, lacks a column, or holds what is no text.
        """
        seen: dict[str, int] = {}
        paths, captions = (self.settings.path_column, self.settings.caption_column)
        columns = [Column(name=name, kind="text", is_required=True) for name in (paths, captions)]
        for batch in brought.batches(self.path, columns, named_by="caption.corpus.table"):
            for path, caption in zip(
                batch[paths].to_pylist(), batch[captions].to_pylist(), strict=True
            ):
                uri = path or ""
                number = seen.get(uri, 0)
                seen[uri] = number + 1
                yield Record(
                    name=f"{uri}#{number}" if number else uri,
                    uri=uri,
                    caption=caption,
                    problem=None if uri else "no_path",
                )
