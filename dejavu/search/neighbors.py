"""The stage that finds the nearest public samples of every attacked one, in either lane."""

import dataclasses
import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from dejavu.params.machine import MachineParams
from dejavu.params.search import SearchParams
from dejavu.run import engines, shards
from dejavu.search import approximate, places, recalls
from dejavu.search.budget import Budget
from dejavu.search.candidates import EXACT
from dejavu.search.knn import Neighbors, Search, recall
from dejavu.search.recalls import Recall
from dejavu.search.searches import Pair
from dejavu.search.similarity import require_differences
from dejavu.search.stored_vectors import Parts, bank_of, vectors_of
from dejavu.tables.parquet import fingerprint, inputs_of, require_common_origin
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
    recall: Path | None = None  # JSON, see `recalls`; None: not written


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
    if out.recall is not None:
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
    is_exact = settings.search.index == EXACT or n_queries == 0
    kept = None if is_exact else _kept(pair, settings, facts)
    if kept is not None:  # once, before workers ask for it
        _search_in(pair, settings, settings.search.index, kept=kept).prepare()
    is_alone = settings.machine.engine == "local"
    shards.run(
        NeighborsShard(pair=pair, settings=settings, inputs=inputs, is_alone=is_alone, kept=kept),
        max(1, -(-n_queries // ROWS_PER_PART)),
        out=out,
        stage=f"{settings.section}@{settings.model} {' '.join(pair.names.values())}",
        facts=facts,
        engine=engines.of(settings.machine, gpus=float(min(1, places.n_gpus(settings.machine)))),
    )
    chosen = np.linspace(0, n_queries - 1, RECALL_QUERIES).round().astype(np.int64)
    chosen = chosen[:0] if is_exact else np.unique(chosen)
    return Recall(
        model=settings.model, names=pair.names, k=settings.search.k, index=settings.search.index,
        n_queries=len(chosen), recall=1.0 if is_exact else _recall(settings, pair, out, chosen),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighborsShard:
    """Search for one part of the attacked samples; picklable, so that it can run anywhere.

    A bank that memory does not hold is read for every search. So one search answers for all parts that memory
    holds at once, and what it found waits until these are asked for.
    """

    pair: Pair
    settings: NeighborSettings
    inputs: dict[str, str]
    is_alone: bool  # all parts are asked for here, in their order
    kept: Path | None = None  # folder of an approximate index

    def __call__(self, index: int, path: Path) -> None:
        """Write the neighbors of part `index` to `path`."""
        if self._queries.n_rows == 0:
            NEIGHBORS.write(NEIGHBORS.schema.empty_table(), path, inputs=self.inputs)
            return
        if index not in self._found:
            self._search_from(index)
        sample_id, nearest = self._found.pop(index)
        k = self.settings.search.k
        starts = np.arange(len(sample_id) + 1, dtype=np.int32) * k
        similarities = nearest.similarities.ravel().astype(np.float32)
        table = pa.table(
            {
                "sample_id": sample_id,
                "neighbor_ids": pa.ListArray.from_arrays(starts, nearest.ids.ravel()),
                "similarities": pa.ListArray.from_arrays(starts, similarities),
            },
            schema=NEIGHBORS.schema,
        )
        NEIGHBORS.write(table, path, inputs=self.inputs)

    def _search_from(self, index: int) -> None:
        """Find the neighbors of part `index`, and of those after it that memory holds beside it."""
        search, queries = self.settings.search, self._queries
        n = self._search.queries_at_once(search.k + search.candidate_margin)
        n_parts = max(1, n // ROWS_PER_PART) if self.is_alone else 1
        first = index * ROWS_PER_PART
        rows = queries.rows(first, ROWS_PER_PART)
        vectors = np.empty(
            (min(n_parts * ROWS_PER_PART, queries.n_rows - first), vectors_of(rows).shape[1]),
            np.float32,
        )
        ids = []
        for start in range(0, len(vectors), ROWS_PER_PART):
            rows = queries.rows(first + start, ROWS_PER_PART)
            vectors[start : start + len(rows)] = vectors_of(rows)
            ids.append(rows["sample_id"])
        nearest = self._search.nearest(vectors, k=search.k, margin=search.candidate_margin)
        self._found.clear()
        for number, sample_id in enumerate(ids):
            own = slice(number * ROWS_PER_PART, number * ROWS_PER_PART + len(sample_id))
            found = Neighbors(nearest.ids[own], nearest.similarities[own])
            require_differences(found.similarities)  # of each part, whatever meets the bank at once
            self._found[index + number] = sample_id, found

    @functools.cached_property
    def _found(self) -> dict[int, tuple[pa.ChunkedArray, Neighbors]]:
        """What was found for parts that were not asked for yet."""
        return {}

    @functools.cached_property
    def _search(self) -> Search:
        index = self.settings.search.index
        return _search_in(self.pair, self.settings, index, kept=self.kept)

    @functools.cached_property
    def _queries(self) -> Parts:
        return Parts(EMBEDDINGS, self.pair.queries)

    def __getstate__(self) -> dict[str, Any]:
        kept = {field.name for field in dataclasses.fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in kept}


def _kept(pair: Pair, settings: NeighborSettings, facts: Mapping[str, Any]) -> Path:
    """Return the folder of the index of a bank: one per bank and metric, whoever searches there.

    Its name says what the index was made from. How it is searched (``; nprobe=16``) is no part of it.
    """
    decides = {name: facts[name] for name in ("bank", "metric", "left_out") if name in facts}
    decides["factory"] = settings.search.index.partition(";")[0].strip()
    owner = "_".join([*pair.bank.parts[-4:], pair.metric])
    name = shards.fingerprint_of(decides, approximate.__name__)
    return shards.WORK / "indexes" / owner / name


def _search_in(
    pair: Pair, settings: NeighborSettings, index: str, *, kept: Path | None = None
) -> Search:
    machine = settings.machine
    budget = Budget(machine.memory_gb)
    bank = bank_of(pair.bank, machine.block_rows, budget, without=settings.left_out_ids)
    return Search(
        bank, metric=pair.metric, index=index, section=settings.section,
        memory_gb=machine.memory_gb, places=places.of(machine), kept=kept,
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
