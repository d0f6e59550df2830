"""The stage that finds the nearest public samples of every attacked one, in either lane."""

import dataclasses
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64

from dejavu.params.machine import MachineParams
from dejavu.params.search import SearchParams
from dejavu.run import engines, shards
from dejavu.search import places, recalls
from dejavu.search.budget import Budget
from dejavu.search.candidates import EXACT
from dejavu.search.held_bank import Bank, Block
from dejavu.search.knn import Search, recall
from dejavu.search.recalls import Recall
from dejavu.search.searches import Pair
from dejavu.tables.parquet import Table, fingerprint, inputs_of, require_common_origin
from dejavu.tables.schemas import EMBEDDINGS, NEIGHBORS, UNANNOTATED

ROWS_PER_PART = 16_384  # fixed, so that no setting of the machine changes the files
RECALL_QUERIES = 1_000  # attacked samples, evenly spread, on which an approximate index is measured


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighborSettings:
    """Whose neighbors are looked for, and how."""

    section: str  # of params.yaml, for messages: image.neighbors or caption.retrieve
    model: str  # its name, for progress
    search: SearchParams  # the section
    machine: MachineParams
    left_out: Path | None = None  # table with the sample_id of public samples that nobody finds

    @functools.cached_property
    def left_out_ids(self) -> Int64[np.ndarray, " n"]:
        """The ids of public samples that are not searched, ascending."""
        if self.left_out is None:
            return np.empty(0, np.int64)
        return UNANNOTATED.read(self.left_out)["sample_id"].to_numpy().astype(np.int64)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NeighborFiles:
    """What the stage makes of one model."""

    neighbors: Path  # folder of ``<names>/part-*.parquet``, table ``neighbors``
    recall: Path  # JSON, see `recalls`


def find(*, settings: NeighborSettings, inputs: tuple[Pair, ...], out: NeighborFiles) -> None:
    """Write the neighbors of every search of one model, and the recall of each.

    The nearest come first, ties go to the smaller sample id, so the first K of the stored neighbors
    are the K nearest for every smaller K. Memory holds one block of the public vectors, one part of
    the attacked ones and their candidates. The recall is 1 for Flat, which is exact, and measured on
    up to `RECALL_QUERIES` attacked samples for any other index.

    Raises:
        ArtifactError: both sides of a search were embedded by different networks or splits.
        ParamsError: there are fewer than k public samples, or FAISS cannot build the index; the
            message names the section.
    """
    shutil.rmtree(out.neighbors, ignore_errors=True)
    found = [_find(settings, pair, out.neighbors / pair.folder) for pair in inputs]
    recalls.write(out.recall, found)


def _find(settings: NeighborSettings, pair: Pair, out: Path) -> Recall:
    """Write the neighbors of one search; return the recall of its index."""
    origin = require_common_origin(
        [pair.bank, pair.queries], "samples", "split", "weights", "preprocessing"
    )
    inputs = {**inputs_of(pair.queries), **origin, "bank": fingerprint(pair.bank)}
    facts = {
        **inputs,
        "queries": fingerprint(pair.queries),
        "metric": pair.metric,
        "settings": settings.search.model_dump(),
    }
    if settings.left_out is not None:
        facts["left_out"] = fingerprint(settings.left_out)
    n_queries = EMBEDDINGS.count(pair.queries)
    shards.run(
        NeighborsShard(pair=pair, settings=settings, inputs=inputs),
        max(1, -(-n_queries // ROWS_PER_PART)),
        out=out,
        stage=f"{settings.section}@{settings.model} {' '.join(pair.names.values())}",
        facts=facts,
        engine=engines.of(settings.machine, gpus=float(min(1, places.n_gpus(settings.machine)))),
    )
    is_exact = settings.search.index == EXACT or n_queries == 0
    chosen = np.linspace(0, n_queries - 1, RECALL_QUERIES).round().astype(np.int64)
    chosen = chosen[:0] if is_exact else np.unique(chosen)
    return Recall(
        model=settings.model, names=pair.names, k=settings.search.k, index=settings.search.index,
        n_queries=len(chosen), recall=1.0 if is_exact else _recall(settings, pair, out, chosen),
    )  # fmt: skip


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

    def rows(self, start: int, n: int) -> pa.Table:
        """Return up to `n` rows after the first `start`, as `Table.rows` does."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        last = min(int(np.searchsorted(self._starts, start + n)), len(self._files))
        found = [
            self._table.rows(file, max(0, start - int(offset)), start + n - max(start, int(offset)))
            for file, offset in zip(self._files[first:last], self._starts[first:last], strict=True)
        ]
        return pa.concat_tables(found) if found else self._table.schema.empty_table()


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighborsShard:
    """Search for one part of the attacked samples; picklable, so that it can run anywhere."""

    pair: Pair
    settings: NeighborSettings
    inputs: dict[str, str]

    def __call__(self, index: int, path: Path) -> None:
        """Write the neighbors of part `index` to `path`."""
        rows = self._queries.rows(index * ROWS_PER_PART, ROWS_PER_PART)
        if len(rows) == 0:
            NEIGHBORS.write(NEIGHBORS.schema.empty_table(), path, inputs=self.inputs)
            return
        search = self.settings.search
        nearest = self._search.nearest(vectors_of(rows), k=search.k, margin=search.candidate_margin)
        starts = np.arange(len(rows) + 1, dtype=np.int32) * search.k
        similarities = nearest.similarities.ravel().astype(np.float32)
        table = pa.table(
            {
                "sample_id": rows["sample_id"],
                "neighbor_ids": pa.ListArray.from_arrays(starts, nearest.ids.ravel()),
                "similarities": pa.ListArray.from_arrays(starts, similarities),
            },
            schema=NEIGHBORS.schema,
        )
        NEIGHBORS.write(table, path, inputs=self.inputs)

    @functools.cached_property
    def _search(self) -> Search:
        return _search_in(self.pair, self.settings, self.settings.search.index)

    @functools.cached_property
    def _queries(self) -> Parts:
        return Parts(EMBEDDINGS, self.pair.queries)

    def __getstate__(self) -> dict[str, Any]:
        kept = {field.name for field in dataclasses.fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in kept}


def _search_in(pair: Pair, settings: NeighborSettings, index: str) -> Search:
    machine = settings.machine
    budget = Budget(machine.memory_gb)
    bank = bank_of(pair.bank, machine.block_rows, budget, without=settings.left_out_ids)
    return Search(
        bank, metric=pair.metric, index=index, section=settings.section,
        memory_gb=machine.memory_gb, places=places.of(machine),
    )  # fmt: skip


def _recall(
    settings: NeighborSettings, pair: Pair, written: Path, chosen: Int64[np.ndarray, " n"]
) -> float:
    """Compare the written neighbors of the attacked samples `chosen`, rows, with the exact ones."""
    queries, start = [], 0
    for _, vectors in bank_of(pair.queries, ROWS_PER_PART).blocks():
        inside = chosen[(chosen >= start) & (chosen < start + len(vectors))]
        queries.append(vectors[inside - start])
        start += len(vectors)
    search = settings.search
    exact = _search_in(pair, settings, EXACT).nearest(
        np.concatenate(queries), k=search.k, margin=search.candidate_margin
    )
    ids = NEIGHBORS.read(written, columns=["neighbor_ids"])["neighbor_ids"].combine_chunks()
    return recall(ids.flatten().to_numpy().reshape(-1, search.k)[chosen], exact.ids)


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
