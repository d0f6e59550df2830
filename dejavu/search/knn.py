"""Nearest neighbors in banks larger than memory, with FAISS, exact to the last tie.

FAISS proposes candidates in float32, block after block of the bank; the candidates are ranked again in
float64 from the raw vectors, equal similarities by smaller sample id. A bound on the float32 error
tells for each query whether a vector that was no candidate could belong among the nearest; such queries
(many equal vectors) get more candidates. So the answer depends on neither memory nor threads.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.errors import ParamsError
from dejavu.run import cores
from dejavu.search import faiss_kernel, similarity
from dejavu.search.budget import Budget
from dejavu.search.certainty import error_bound, is_unsure
from dejavu.search.similarity import Metric, norms_of, pairwise, prepared

faiss: Any = faiss_kernel.load()

EXACT = "Flat"
TRAINING_ROWS = 65_536  # bank rows that an approximate index is trained on, at least
ROWS_PER_LIST = 64  # of training, at least
MEMORY_GB = 2.0  # where nothing else is stated
_WIDEN = 4  # times as many candidates for queries whose answer is not certain
_GPU_MAX_K = 2048  # of FAISS' kernels
_BANK_TILE = 4_096  # bank vectors per matrix product; FAISS' own 1,024 cost a tenth of the speed
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

    def __init__(
        self, bank: Bank, *, metric: Metric, index: str, section: str, memory_gb: float = MEMORY_GB
    ) -> None:
        """Prepare nothing yet.

        Args:
            bank: where to search.
            metric: ``l2`` or ``cosine``.
            index: ``Flat`` is exact. Any other FAISS factory string, with search parameters after a
                semicolon (``IVF64,Flat; nprobe=16``), may miss neighbors: measure `recall`.
            section: of params.yaml that asks for the search, for messages.
            memory_gb: what the search may hold (`Budget`); a bank that fits is decoded once.
        """
        self._bank, self._metric, self._index = bank, metric, index
        self._section = section
        self._faiss_metric = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
        self._budget = Budget(memory_gb)
        self._held: list[Block] | None = None
        self._is_checked = False
        self._largest_norm = 0.0  # of the bank vectors that FAISS has seen

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
            DataError: a vector is not finite, or is zero where its cosine is asked for, or no neighbor is
                nearer than any other.
        """
        n_rows = self._bank.n_rows
        if k > n_rows:
            raise ParamsError(
                f"k={k} neighbors are asked for, but the bank holds {n_rows} vectors. "
                f"Lower {self._section}.k or give the public role more samples."
            )
        if len(queries) == 0:
            return Neighbors(np.empty((0, k), np.int64), np.empty((0, k)))
        faiss.omp_set_num_threads(_threads())
        similarity.require_usable(queries, self._metric, what="query")
        n_candidates = min(k + margin, n_rows)
        rows, worst = self._candidates(queries, n_candidates)
        ids, similarities = self._ranked_again(queries, rows)
        found = Neighbors(ids[:, :k], similarities[:, :k])
        if self._index != EXACT:
            self._require_complete(found, k)
        elif n_candidates < n_rows:
            self._complete(found, queries, worst, n_candidates)
        similarity.require_differences(found.similarities)
        return found

    def _complete(
        self, found: Neighbors, queries: np.ndarray, worst: np.ndarray, n_candidates: int
    ) -> None:
        """Search again, among more candidates, where a vector that was none might be nearer."""
        k = found.ids.shape[1]
        norms = np.concatenate([norms_of(tile) for _, tile in self._tiles(queries)])
        bound = error_bound(norms, self._largest_norm, dim=self._bank.dim, metric=self._metric)
        unsure = is_unsure(found.similarities[:, -1], worst, bound)
        if unsure.any():
            again = self.nearest(queries[unsure], k=k, margin=_WIDEN * n_candidates - k)
            found.ids[unsure], found.similarities[unsure] = again.ids, again.similarities

    def _require_complete(self, found: Neighbors, k: int) -> None:
        if short := int((found.ids[:, -1] == _NO_ID).sum()):
            raise ParamsError(
                f"{self._section}.index {self._index!r} finds fewer than k={k} neighbors for {short} "
                f"queries. Search more of it (e.g. '{self._index.partition(';')[0]}; nprobe=64')."
            )

    def _blocks(self) -> Iterator[Block]:
        """Stream the bank; one that fits the budget is decoded in the first full pass only."""
        if self._held is not None:
            yield from self._held
            return
        fits = self._budget.holds(self._bank.n_rows, self._bank.dim)
        held: list[Block] = []
        for ids, vectors in self._bank.blocks():
            if not self._is_checked:
                similarity.require_usable(vectors, self._metric, what="bank")
            if fits:
                held.append((ids, vectors))
            yield ids, vectors
        self._is_checked = True
        self._held = held if fits else None

    @functools.cached_property
    def _center(self) -> Float32[np.ndarray, " dim"]:
        """The vector that FAISS sees as origin of distances: the bank's mean.

        Around it, distances are as before and float32 errors small beside them.
        """
        if self._metric == "cosine":
            return np.zeros(self._bank.dim, np.float32)
        total = sum(vectors.sum(axis=0, dtype=np.float64) for _, vectors in self._blocks())
        return (total / self._bank.n_rows).astype(np.float32)

    def _prepared(self, vectors: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n dim"]:
        return prepared(vectors, self._metric, self._center)

    def _tiles(
        self, queries: Float32[np.ndarray, "n dim"]
    ) -> Iterator[tuple[slice, Float32[np.ndarray, "tile dim"]]]:
        """Cut the queries into tiles that fit the budget, as FAISS sees them."""
        step = self._budget.query_rows(self._bank.dim)
        for start in range(0, len(queries), step):
            place = slice(start, min(start + step, len(queries)))
            yield place, self._prepared(queries[place])

    def _candidates(
        self, queries: Float32[np.ndarray, "n dim"], n: int
    ) -> tuple[Int64[np.ndarray, "n candidates"], Float64[np.ndarray, " n"]]:
        """Return each query's `n` best bank rows in float32, and the similarity of the last.

        All tiles of queries meet a block of the bank before the next one is decoded.
        """
        _ = self._center  # its pass comes first, and keeps a bank that fits
        if self._index != EXACT:
            parts = [self._built_index.search(tile, n) for _, tile in self._tiles(queries)]
            values, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
        else:
            keep_max = self._metric == "cosine"
            heaps: dict[int, Any] = {}
            offset = 0
            for _, vectors in self._blocks():
                seen = self._prepared(vectors)
                self._largest_norm = max(self._largest_norm, float(norms_of(seen).max(initial=0)))
                for place, tile in self._tiles(queries):
                    if place.start not in heaps:
                        heaps[place.start] = faiss.ResultHeap(len(tile), n, keep_max=keep_max)
                    heaps[place.start].add_result(*self._in_block(tile, seen, n, offset))
                offset += len(vectors)
            for heap in heaps.values():
                heap.finalize()
            values = np.concatenate([heap.D for heap in heaps.values()])
            rows = np.concatenate([heap.I for heap in heaps.values()])
        last = values[:, -1].astype(np.float64)
        return rows, -last if self._metric == "l2" else last

    def _in_block(
        self, queries: np.ndarray, vectors: np.ndarray, n: int, offset: int
    ) -> tuple[np.ndarray, np.ndarray]:
        k = min(n, len(vectors))
        if faiss.get_num_gpus() > 0 and k <= _GPU_MAX_K:
            values, rows = faiss.knn_gpu(
                self._gpu_resources, queries, vectors, k, metric=self._faiss_metric
            )
        else:
            faiss.cvar.distance_compute_blas_database_bs = _BANK_TILE
            values, rows = faiss.knn(queries, vectors, k, metric=self._faiss_metric)
        return values, rows + offset

    @functools.cached_property
    def _gpu_resources(self) -> Any:
        return faiss.StandardGpuResources()

    @functools.cached_property
    def _built_index(self) -> Any:
        """The approximate index: trained on rows of the whole bank, filled block by block."""
        factory, _, settings = (part.strip() for part in self._index.partition(";"))
        bank = self._bank
        try:
            index = faiss.index_factory(bank.dim, factory, self._faiss_metric)
            if not index.is_trained:
                index.train(self._training_rows(training_size(index, bank.n_rows)))
            for _, vectors in self._blocks():
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

    def _training_rows(self, n: int) -> Float32[np.ndarray, "n_rows dim"]:
        """Draw `n` rows of the whole bank, each at most once, the same in every run."""
        generator = np.random.default_rng(0)
        chosen = np.sort(generator.choice(self._bank.n_rows, size=n, replace=False))
        parts, offset = [], 0
        for _, vectors in self._blocks():
            first, last = np.searchsorted(chosen, [offset, offset + len(vectors)])
            parts.append(self._prepared(vectors[chosen[first:last] - offset]))
            offset += len(vectors)
        return np.concatenate(parts)

    def _ranked_again(
        self, queries: Float32[np.ndarray, "n dim"], rows: Int64[np.ndarray, "n candidates"]
    ) -> tuple[Int64[np.ndarray, "n candidates"], Float64[np.ndarray, "n candidates"]]:
        """Rank candidates by float64 similarity, then sample id, streaming the bank once more."""
        similarities, ids = np.full(rows.shape, -np.inf), np.full(rows.shape, _NO_ID)
        offset = 0
        for block_ids, vectors in self._blocks():
            at = np.nonzero((rows >= offset) & (rows < offset + len(vectors)))
            local = rows[at] - offset
            ids[at] = block_ids[local]
            similarities[at] = pairwise(
                queries, at[0], vectors, local, self._metric, threads=_threads()
            )
            offset += len(vectors)
        order = np.lexsort((ids, -similarities), axis=1)
        return np.take_along_axis(ids, order, 1), np.take_along_axis(similarities, order, 1)


def training_size(index: Any, n_rows: int) -> int:
    """Return how many of `n_rows` bank vectors train an index: 64 per inverted list at least.

    FAISS asks for 39 per list, and uses 256 at most.
    """
    try:
        n_lists = int(faiss.extract_index_ivf(index).nlist)
    except RuntimeError:  # an index without inverted lists
        n_lists = 0
    return min(n_rows, max(TRAINING_ROWS, ROWS_PER_LIST * n_lists))


def _threads() -> int:
    return cores.given()


def recall(found: Int64[np.ndarray, "n k"], exact: Int64[np.ndarray, "n k"]) -> float:
    """Return the share of the exact neighbors that were found, in [0, 1], whatever their order.

    >>> recall(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [3, 9]]))
    0.75
    """
    both = np.sort(np.concatenate([found, exact], axis=1), axis=1)
    return float((both[:, 1:] == both[:, :-1]).sum() / exact.size)
