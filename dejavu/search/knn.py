"""Nearest neighbors in banks larger than memory, with FAISS, exact to the last tie.

FAISS proposes candidates in float32, block after block of the bank; the candidates are ranked again in
float64 from the raw vectors, equal similarities by smaller sample id. A bound on the float32 error
tells for each query whether a vector that was no candidate could belong among the nearest; such queries
(many equal vectors) get more candidates. So the answer depends on neither block size nor threads.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import faiss
import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.errors import ParamsError
from dejavu.search.similarity import Metric, pairwise, require_usable, unit

EXACT = "Flat"
TRAINING_ROWS = 65_536  # bank rows that an approximate index is trained on
_WIDEN = 4  # times as many candidates for queries whose answer is not certain
_GPU_MAX_K = 2048  # of FAISS' kernels
_EPSILON = float(np.finfo(np.float32).eps)
_NO_ID = np.iinfo(np.int64).max

Block = tuple[
    Int64[np.ndarray, " n_rows"], Float32[np.ndarray, "n_rows dim"]
]  # sample ids, vectors


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """The vectors to search in, streamed as often as asked."""

    blocks: Callable[[], Iterator[Block]]  # raw finite vectors; sample ids ascend throughout
    n_rows: int
    dim: int


@dataclasses.dataclass(frozen=True, slots=True)
class Neighbors:
    """The nearest bank vectors of each query, nearest first."""

    ids: Int64[np.ndarray, "n_queries k"]
    similarities: Float64[np.ndarray, "n_queries k"]


class Search:
    """A search in one bank by one metric; what it needs of the bank is computed once."""

    def __init__(self, bank: Bank, *, metric: Metric, index: str, section: str) -> None:
        """Prepare nothing yet.

        Args:
            bank: where to search.
            metric: ``l2`` or ``cosine``.
            index: ``Flat`` is exact. Any other FAISS factory string, with search parameters after a
                semicolon (``IVF64,Flat; nprobe=16``), may miss neighbors: measure `recall`.
            section: of params.yaml that asks for the search, for messages.
        """
        self._bank, self._metric, self._index = bank, metric, index
        self._section = section
        self._faiss_metric = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT

    def nearest(
        self, queries: Float32[np.ndarray, "n_queries dim"], *, k: int, margin: int
    ) -> Neighbors:
        """Return the `k` bank vectors most similar to each query.

        Args:
            queries: raw vectors.
            k: neighbors per query.
            margin: candidates beyond `k` that are ranked again in float64; speed only if exact.

        Raises:
            ParamsError: `k` exceeds the bank, FAISS cannot build the index, or the index finds
                fewer than `k` neighbors.
            DataError: a vector is not finite, or is zero where its cosine is asked for.
        """
        n_rows = self._bank.n_rows
        if k > n_rows:
            raise ParamsError(
                f"k={k} neighbors are asked for, but the bank holds {n_rows} vectors. "
                f"Lower {self._section}.k or give the public role more samples."
            )
        if len(queries) == 0:
            return Neighbors(np.empty((0, k), np.int64), np.empty((0, k)))
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        require_usable(queries, self._metric, what="query")
        n_candidates = min(k + margin, n_rows)
        rows, worst = self._candidates(self._prepared(queries), n_candidates)
        ids, similarities = self._ranked_again(queries, rows)
        found = Neighbors(ids[:, :k], similarities[:, :k])
        if self._index != EXACT:
            self._require_complete(found, k)
        elif n_candidates < n_rows:
            self._complete(found, queries, worst, n_candidates)
        return found

    def _complete(
        self, found: Neighbors, queries: np.ndarray, worst: np.ndarray, n_candidates: int
    ) -> None:
        """Search again, among more candidates, where a vector that was none might be nearer."""
        k = found.ids.shape[1]
        unsure = found.similarities[:, -1] <= worst + 2 * self._error_bound(queries)
        if unsure.any():
            again = self.nearest(queries[unsure], k=k, margin=_WIDEN * n_candidates - k)
            found.ids[unsure], found.similarities[unsure] = again.ids, again.similarities

    def _require_complete(self, found: Neighbors, k: int) -> None:
        if short := int((found.ids[:, -1] == _NO_ID).sum()):
            raise ParamsError(
                f"{self._section}.index {self._index!r} finds fewer than k={k} neighbors for {short} "
                f"queries. Search more of it (e.g. '{self._index.partition(';')[0]}; nprobe=64')."
            )

    @functools.cached_property
    def _frame(self) -> tuple[Float32[np.ndarray, " dim"], float]:
        """The vector that FAISS sees as origin, and the largest norm of a bank vector around it.

        Around the bank's mean, distances are as before and float32 errors small beside them.
        """
        total = np.zeros(self._bank.dim)
        for _, vectors in self._bank.blocks():
            require_usable(vectors, self._metric, what="bank")
            total += vectors.sum(axis=0, dtype=np.float64)
        if self._metric == "cosine":
            return np.zeros(self._bank.dim, np.float32), 1.0
        center = (total / self._bank.n_rows).astype(np.float32)
        norms = (np.linalg.norm(vectors - center, axis=1) for _, vectors in self._bank.blocks())
        return center, max(float(block.max()) for block in norms)

    def _prepared(self, vectors: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n dim"]:
        if self._metric == "cosine":
            return unit(vectors).astype(np.float32)
        return np.ascontiguousarray(vectors - self._frame[0])

    def _error_bound(self, queries: Float32[np.ndarray, "n dim"]) -> Float64[np.ndarray, " n"]:
        """Bound the error of a float32 similarity: (dim + 8)·eps·(|q| + |b|)², a worst case."""
        norms = np.linalg.norm(self._prepared(queries).astype(np.float64), axis=1)
        return (self._bank.dim + 8) * _EPSILON * (norms + self._frame[1]) ** 2

    def _candidates(
        self, queries: Float32[np.ndarray, "n dim"], n: int
    ) -> tuple[Int64[np.ndarray, "n candidates"], Float64[np.ndarray, " n"]]:
        """Return each query's `n` best bank rows in float32, and the similarity of the last."""
        if self._index != EXACT:
            values, rows = self._built_index.search(queries, n)
        else:
            heap = faiss.ResultHeap(len(queries), n, keep_max=self._metric == "cosine")
            offset = 0
            for _, vectors in self._bank.blocks():
                heap.add_result(*self._in_block(queries, self._prepared(vectors), n, offset))
                offset += len(vectors)
            heap.finalize()
            values, rows = heap.D, heap.I
        last = values[:, -1].astype(np.float64)
        return rows, -last if self._metric == "l2" else last

    def _in_block(
        self, queries: np.ndarray, vectors: np.ndarray, n: int, offset: int
    ) -> tuple[np.ndarray, np.ndarray]:
        k = min(n, len(vectors))
        if faiss.get_num_gpus() > 0 and k <= _GPU_MAX_K:
            resources = faiss.StandardGpuResources()
            values, rows = faiss.knn_gpu(resources, queries, vectors, k, metric=self._faiss_metric)
        else:
            values, rows = faiss.knn(queries, vectors, k, metric=self._faiss_metric)
        return values, rows + offset

    @functools.cached_property
    def _built_index(self) -> Any:
        """The approximate index: trained on the first rows, filled block by block."""
        factory, _, settings = (part.strip() for part in self._index.partition(";"))
        bank = self._bank
        try:
            index = faiss.index_factory(bank.dim, factory, self._faiss_metric)
            if not index.is_trained:
                index.train(self._first_rows(TRAINING_ROWS))
            for _, vectors in bank.blocks():
                index.add(self._prepared(vectors))
            if settings:
                space: Any = faiss.ParameterSpace()
                space.set_index_parameters(index, settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ParamsError(
                f"{self._section}.index {self._index!r} does not work on {bank.n_rows} vectors of "
                f"length {bank.dim}: {reason}. Use another FAISS factory string, or {EXACT}."
            ) from None
        return index

    def _first_rows(self, n: int) -> Float32[np.ndarray, "n_rows dim"]:
        blocks, count = [], 0
        for _, vectors in self._bank.blocks():
            blocks.append(self._prepared(vectors[: n - count]))
            count += len(blocks[-1])
            if count >= n:
                break
        return np.concatenate(blocks)

    def _ranked_again(
        self, queries: Float32[np.ndarray, "n dim"], rows: Int64[np.ndarray, "n candidates"]
    ) -> tuple[Int64[np.ndarray, "n candidates"], Float64[np.ndarray, "n candidates"]]:
        """Rank candidates by float64 similarity, then sample id, streaming the bank once more."""
        similarities, ids = np.full(rows.shape, -np.inf), np.full(rows.shape, _NO_ID)
        offset = 0
        for block_ids, vectors in self._bank.blocks():
            at = np.nonzero((rows >= offset) & (rows < offset + len(vectors)))
            local = rows[at] - offset
            ids[at] = block_ids[local]
            similarities[at] = pairwise(queries, at[0], vectors, local, self._metric)
            offset += len(vectors)
        order = np.lexsort((ids, -similarities), axis=1)
        return np.take_along_axis(ids, order, 1), np.take_along_axis(similarities, order, 1)


def recall(found: Int64[np.ndarray, "n k"], exact: Int64[np.ndarray, "n k"]) -> float:
    """Return the share of the exact neighbors that were found, in [0, 1], whatever their order.

    >>> recall(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [3, 9]]))
    0.75
    """
    both = np.sort(np.concatenate([found, exact], axis=1), axis=1)
    return float((both[:, 1:] == both[:, :-1]).sum() / exact.size)
