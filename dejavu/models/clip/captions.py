"""Captions of training images: texts of a column, and several per image, of which an epoch reads one."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int, Int64

from dejavu.errors import DataError
from dejavu.run import seeds
from dejavu.run.progress import say
from dejavu.tables import brought, by_sample
from dejavu.tables.brought_values import Column

COLUMNS = (
    Column(name="sample_name", kind="text"),
    Column(name="sample_id", kind="integer"),
    Column(name="caption", kind="text", is_required=True),
)


class Texts(Sequence[str]):
    """Texts of a column; millions of them take no more memory than their bytes."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._texts = pc.cast(column, pa.large_string()).combine_chunks()

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        """Return one text, or a list of some."""
        if isinstance(at, slice):
            return list(self._texts[at].to_pylist())
        return str(self._texts[at].as_py())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FurtherCaptions:
    """Captions beside the samples' own, one sample after the other."""

    own: Sequence[str]  # of each training sample
    texts: Sequence[str]
    first: Int64[np.ndarray, " n_plus_1"]  # place of each sample's first; at the end their number
    digest: str = ""  # SHA-256 of the table they came from

    def of_epoch(self, rows: Int[np.ndarray, " n"], seed: int) -> "EpochCaptions":
        """Return one caption for each place of an epoch.

        Args:
            rows: the samples in the order of the epoch, of all processes.
            seed: of the epoch.
        """
        n_choices = 1 + np.diff(self.first)[rows]
        drawn = seeds.generator(seed, "further_captions").integers(n_choices)
        return EpochCaptions(captions=self, rows=rows, drawn=drawn)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EpochCaptions(Sequence[str]):
    """The captions of one epoch, by their place in it."""

    captions: FurtherCaptions
    rows: Int[np.ndarray, " n"]
    drawn: Int64[np.ndarray, " n"]  # 0: the sample's own, k: the k-th of the others

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        """Return one caption, or those of some places."""
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        row, drawn = int(self.rows[at]), int(self.drawn[at])
        if drawn == 0:
            return self.captions.own[row]
        return self.captions.texts[int(self.captions.first[row]) + drawn - 1]


def read(path: Path, samples: pa.Table, own: Sequence[str], *, model: str) -> FurtherCaptions:
    """Return the captions that a table adds to some samples.

    Args:
        path: a table of sample_name or sample_id and caption; a sample may have any number of rows, and
            rows of other samples are ignored.
        samples: columns sample_id and sample_name of the training samples, in their order.
        own: their captions.
        model: the entry of ``caption.models`` that names the table.

    Raises:
        DataError: the table is missing or damaged, a caption is empty, or no row is about a training sample.
    """
    named_by = f"caption.models.{model}.further_captions"
    table = brought.read(path, COLUMNS, named_by=named_by)
    key = by_sample.key_of(table.column_names, path)
    is_empty = pc.equal(pc.fill_null(pc.utf8_trim_whitespace(table["caption"]), ""), "")
    if n_empty := pc.sum(is_empty).as_py():
        row = pc.index(is_empty, value=True).as_py() + 1
        raise DataError(
            f"{path}: {n_empty} of {table.num_rows} captions are empty, the first in row {row}. Leave these "
            "rows out: a sample without any keeps its own caption alone."
        )
    places = by_sample.index_of(table[key], samples[key].combine_chunks())
    is_about = pc.is_valid(places)
    rows = places.filter(is_about).to_numpy(zero_copy_only=False).astype(np.int64)
    if not len(rows):
        raise DataError(
            f"{path}: none of its {table.num_rows} rows is about a sample that caption.models.{model} is "
            f"trained on. Its {key} is like {by_sample.listed(table[key].combine_chunks())}, expected "
            f"{by_sample.listed(samples[key].combine_chunks())}."
        )
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=len(samples))
    texts = table["caption"].filter(is_about).take(pa.array(order))
    say(
        f"{path}: {len(rows)} further captions of {int((counts > 0).sum())} of {len(samples)} training "
        f"samples; {table.num_rows - len(rows)} rows are about no training sample"
    )
    first = np.concatenate([[0], np.cumsum(counts)])
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FurtherCaptions(own=own, texts=Texts(texts), first=first, digest=digest)
