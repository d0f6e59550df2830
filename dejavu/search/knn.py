"""Nearest neighbors in banks larger than memory, exact to the last tie.

Candidates are proposed in 32 or 16 bits, by FAISS on processors or by torch on GPUs; they are ranked again in
float64 from the raw vectors, equal similarities by smaller sample id. A bound on the error of the proposal
tells for each query whether a vector that was no candidate could belong among the nearest; such queries are
proposed again in float32, then (many equal vectors) with more candidates. So the answer depends on neither
memory, threads, devices nor precision.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.errors import ParamsError
from dejavu.run import cores
from dejavu.search import approximate, candidates, similarity
from dejavu.search.budget import Budget
from dejavu.search.candidates import EXACT, Candidates
from dejavu.search.certainty import is_unsure
from dejavu.search.held_bank import Bank, HeldBank
from dejavu.search.places import PROCESSORS, Places
from dejavu.search.similarity import Metric, pairwise

MEMORY_GB = 2.0  # where nothing else is stated
_WIDEN = 4  # times as many candidates for queries whose answer is not certain
_SORTED_AT_ONCE = 4_096  # queries
_NO_ID = np.iinfo(np.int64).max


@dataclasses.dataclass(frozen=True, slots=True)
class Neighbors:
    """The nearest bank vectors of each query, nearest first."""

    ids: Int64[np.ndarray, "n_queries k"]
    similarities: Float64[np.ndarray, "n_queries k"]


class Search:
    """A search in one bank by one metric; what it needs of the bank is computed once."""

    def __init__(
        self,
        bank: Bank,
        *,
        metric: Metric,
        index: str,
        section: str,
        memory_gb: float = MEMORY_GB,
        places: Places = PROCESSORS,
        kept: Path | None = None,
    ) -> None:
        """Prepare nothing yet.

        Args:
            bank: where to search.
            metric: ``l2`` or ``cosine``.
            index: ``Flat`` is exact. Any other FAISS factory string, with search parameters after a
                semicolon (``IVF64,Flat; nprobe=16``), may miss neighbors: measure `recall`.
            section: of params.yaml that asks for the search, for messages.
            memory_gb: what the search may hold (`Budget`); a bank that fits is decoded once.
            places: where candidates are proposed, and in which precision; speed only.
            kept: folder that keeps an index other than Flat, see `approximate.Index`.
        """
        self._bank = HeldBank(bank, metric, Budget(memory_gb))
        self._index, self._section, self._places = index, section, places
        self._kept = kept

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
        candidates.faiss.omp_set_num_threads(cores.given())
        similarity.require_usable(queries, self._bank.metric, what="query")
        found = self._nearest(queries, k, min(k + margin, n_rows), self._sources)
        similarity.require_differences(found.similarities)
        return found

    def prepare(self) -> None:
        """Build an index other than Flat where `kept` does not hold it yet.

        Raises:
            ParamsError: FAISS cannot build it.
        """
        for source in self._sources:
            if isinstance(source, approximate.Index):
                source.require()

    def queries_at_once(self, n_candidates: int) -> int:
        """Return how many queries to ask for at once, so that the bank is read as seldom as memory allows.

        Each call of `nearest` reads a bank that memory does not hold at least twice. One that it holds meets
        few queries as cheaply as many: 1.
        """
        bank = self._bank
        if bank.budget.holds(bank.n_rows, bank.dim):
            return 1
        n_copies = 2 if self._places.devices else 1  # as they are, and as devices see them
        return bank.budget.queries_at_once(bank.dim, n_candidates, n_copies=n_copies)

    def _nearest(
        self, queries: np.ndarray, k: int, n: int, sources: tuple[Candidates, ...]
    ) -> Neighbors:
        """Rank the first source's `n` candidates again, and ask further where the answer is not certain."""
        proposed = sources[0].nearest(queries, n)
        ids, similarities = self._ranked_again(queries, proposed.rows)
        found = Neighbors(ids[:, :k], similarities[:, :k])
        if self._index != EXACT:
            self._require_complete(found, k)
        elif n < self._bank.n_rows:
            unsure = is_unsure(found.similarities[:, -1], proposed.worst, proposed.bound)
            if unsure.any():
                more = n if len(sources) > 1 else min(_WIDEN * n, self._bank.n_rows)
                again = self._nearest(queries[unsure], k, more, sources[1:] or sources)
                found.ids[unsure], found.similarities[unsure] = again.ids, again.similarities
        return found

    @functools.cached_property
    def _sources(self) -> tuple[Candidates, ...]:
        """Who proposes candidates: each where those before it are not sure enough, the last in float32."""
        if self._index != EXACT:
            return (approximate.Index(self._bank, self._index, self._section, kept=self._kept),)
        if not self._places.devices:
            return (candidates.Flat(self._bank),)
        from dejavu.search.on_devices import OnDevices  # torch takes seconds to import

        kinds = dict.fromkeys((self._places.precision, "float32"))
        return tuple(OnDevices(self._bank, kind, self._places.devices) for kind in kinds)

    def _require_complete(self, found: Neighbors, k: int) -> None:
        if short := int((found.ids[:, -1] == _NO_ID).sum()):
            raise ParamsError(
                f"{self._section}.index {self._index!r} finds fewer than k={k} neighbors for {short} "
                f"queries. Search more of it (e.g. '{self._index.partition(';')[0]}; nprobe=64')."
            )

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
            similarities[at] = pairwise(
                queries, at[0], vectors, local, self._bank.metric, threads=cores.given()
            )
            offset += len(vectors)
        for start in range(0, len(rows), _SORTED_AT_ONCE):  # in place: an order takes as much again
            part = slice(start, start + _SORTED_AT_ONCE)
            order = np.lexsort((ids[part], -similarities[part]), axis=1)
            ids[part] = np.take_along_axis(ids[part], order, 1)
            similarities[part] = np.take_along_axis(similarities[part], order, 1)
        return ids, similarities


def recall(found: Int64[np.ndarray, "n k"], exact: Int64[np.ndarray, "n k"]) -> float:
    """Return the share of the exact neighbors that were found, in [0, 1], whatever their order.

    >>> recall(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [3, 9]]))
    0.75
    """
    both = np.sort(np.concatenate([found, exact], axis=1), axis=1)
    return float((both[:, 1:] == both[:, :-1]).sum() / exact.size)
