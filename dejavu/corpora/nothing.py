"""Corpus ``none``: an unused lane, whose tables are all empty."""

from collections.abc import Iterator

from dejavu.corpora.records import Record
from dejavu.params.caption_corpora import NoCorpusParams


class Nothing:
    """Lists no sample."""

    root: str | None = None
    labels: tuple[str, ...] = ()

    def __init__(self, settings: NoCorpusParams, seed: int, data_root: str) -> None:
        """Take what every adapter takes, and need none of it."""

    def records(self) -> Iterator[Record]:
        """Yield nothing."""
        return iter(())
