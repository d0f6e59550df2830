"""Candidates for the nearest neighbors, as FAISS proposes them on processors."""

import dataclasses
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.search import faiss_kernel
from dejavu.search.certainty import error_bound
from dejavu.search.held_bank import HeldBank
from dejavu.search.similarity import norms_of

faiss: Any = faiss_kernel.load()

EXACT = "Flat"
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
        self._metric = faiss_metric(bank)

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


def faiss_metric(bank: HeldBank) -> int:
    """Return FAISS' number of the bank's metric."""
    metric: int = faiss.METRIC_L2 if bank.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    return metric
