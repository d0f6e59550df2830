"""Candidates for the nearest neighbors, as FAISS proposes them on processors: of all, or of an index."""

import dataclasses
import functools
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.errors import ParamsError
from dejavu.search import faiss_kernel
from dejavu.search.certainty import error_bound
from dejavu.search.held_bank import HeldBank
from dejavu.search.similarity import norms_of

faiss: Any = faiss_kernel.load()

EXACT = "Flat"
TRAINING_ROWS = 65_536  # bank rows that an approximate index is trained on, at least
ROWS_PER_LIST = 64  # of training, at least
_BANK_TILE = 4_096  # bank vectors per matrix product; FAISS' own 1,024 cost a tenth of the speed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """The bank rows most similar to each query, as some precision sees them."""

    rows: Int64[np.ndarray, "n_queries n"]  # by position in the bank; -1: an index found no more
    worst: Float64[np.ndarray, " n_queries"]  # the last one's similarity; no other row's is higher
    bound: Float64[np.ndarray, " n_queries"]  # of the error of similarities, see `certainty`


@runtime_checkable
class Candidates(Protocol):
    """Whoever proposes candidates."""

    def nearest(self, queries: Float32[np.ndarray, "n_queries dim"], n: int) -> Proposed:
        """Return the `n` best rows of the bank for each raw query; there are at least as many."""


class Flat:
    """All of the bank in float32, block after block."""

    def __init__(self, bank: HeldBank) -> None:
        self._bank = bank
        self._metric = _faiss_metric(bank)

    def nearest(self, queries: Float32[np.ndarray, "n_queries dim"], n: int) -> Proposed:
        """Let all tiles of queries meet a block of the bank before the next one is decoded."""
        bank = self._bank
        _ = bank.center  # its pass comes first, and keeps a bank that fits
        heaps: dict[int, Any] = {}
        offset, largest_norm = 0, 0.0
        for _, vectors in bank.blocks():
            seen = bank.seen(vectors)
            largest_norm = max(largest_norm, float(norms_of(seen).max(initial=0)))
            for place, tile in bank.tiles(queries):
                if place.start not in heaps:
                    keep_max = bank.metric == "cosine"
                    heaps[place.start] = faiss.ResultHeap(len(tile), n, keep_max=keep_max)
                heaps[place.start].add_result(*self._in_block(tile, seen, n, offset))
            offset += len(vectors)
        for heap in heaps.values():
            heap.finalize()
        norms = np.concatenate([norms_of(tile) for _, tile in bank.tiles(queries)])
        last = np.concatenate([heap.D[:, -1] for heap in heaps.values()]).astype(np.float64)
        return Proposed(
            rows=np.concatenate([heap.I for heap in heaps.values()]),
            worst=-last if bank.metric == "l2" else last,
            bound=error_bound(norms, largest_norm, dim=bank.dim, metric=bank.metric),
        )

    def _in_block(
        self, queries: np.ndarray, vectors: np.ndarray, n: int, offset: int
    ) -> tuple[np.ndarray, np.ndarray]:
        faiss.cvar.distance_compute_blas_database_bs = _BANK_TILE
        values, rows = faiss.knn(queries, vectors, min(n, len(vectors)), metric=self._metric)
        return values, rows + offset


class Index:
    """An approximate index of the bank, which may miss neighbors: no bound is stated."""

    def __init__(self, bank: HeldBank, factory: str, section: str) -> None:
        self._bank, self._factory, self._section = bank, factory, section

    def nearest(self, queries: Float32[np.ndarray, "n_queries dim"], n: int) -> Proposed:
        """Return what the index finds.

        Raises:
            ParamsError: FAISS cannot build it.
        """
        parts = [self._built.search(tile, n) for _, tile in self._bank.tiles(queries)]
        values, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
        worst = values[:, -1].astype(np.float64)
        return Proposed(rows=rows, worst=worst, bound=np.full(len(rows), np.nan))

    @functools.cached_property
    def _built(self) -> Any:
        """The index: trained on rows of the whole bank, filled block by block."""
        factory, _, settings = (part.strip() for part in self._factory.partition(";"))
        bank = self._bank
        try:
            index = faiss.index_factory(bank.dim, factory, _faiss_metric(bank))
            if not index.is_trained:
                index.train(training_rows(bank, training_size(index, bank.n_rows)))
            for _, vectors in bank.blocks():
                index.add(bank.seen(vectors))
            if settings:
                space: Any = faiss.ParameterSpace()
                space.set_index_parameters(index, settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ParamsError(
                f"{self._section}.index {self._factory!r} does not work on {bank.n_rows} vectors of "
                f"length {bank.dim}: {reason}. Use another FAISS factory string, or {EXACT}."
            ) from None
        return index


def training_rows(bank: HeldBank, n: int) -> Float32[np.ndarray, "n_rows dim"]:
    """Draw `n` rows of the whole bank, each at most once, the same in every run."""
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.choice(bank.n_rows, size=n, replace=False))
    parts, offset = [], 0
    for _, vectors in bank.blocks():
        first, last = np.searchsorted(chosen, [offset, offset + len(vectors)])
        parts.append(bank.seen(vectors[chosen[first:last] - offset]))
        offset += len(vectors)
    return np.concatenate(parts)


def training_size(index: Any, n_rows: int) -> int:
    """Return how many of `n_rows` bank vectors train an index: 64 per inverted list at least.

    FAISS asks for 39 per list, and uses 256 at most.
    """
    try:
        n_lists = int(faiss.extract_index_ivf(index).nlist)
    except RuntimeError:  # an index without inverted lists
        n_lists = 0
    return min(n_rows, max(TRAINING_ROWS, ROWS_PER_LIST * n_lists))


def _faiss_metric(bank: HeldBank) -> int:
    metric: int = faiss.METRIC_L2 if bank.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    return metric
