"""The vectors to search in, streamed as often as asked, and kept once decoded where memory holds them."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32, Int64

from dejavu.search import similarity
from dejavu.search.budget import Budget
from dejavu.search.similarity import Metric, prepared

Block = tuple[
    Int64[np.ndarray, " n_rows"], Float32[np.ndarray, "n_rows dim"]
]  # sample ids, vectors


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """The vectors to search in, as their owner streams them."""

    blocks: Callable[[], Iterator[Block]]  # raw finite vectors; sample ids ascend throughout
    n_rows: int
    dim: int


class HeldBank:
    """A bank as searches by one metric see it; what they need of all of it is computed once."""

    def __init__(self, bank: Bank, metric: Metric, budget: Budget) -> None:
        """Read nothing yet; `budget` says whether the decoded bank is kept."""
        self.n_rows, self.dim, self.metric = bank.n_rows, bank.dim, metric
        self.budget = budget
        self._bank = bank
        self._held: list[Block] | None = None
        self._is_checked = False

    def blocks(self) -> Iterator[Block]:
        """Stream the bank; one that fits the budget is decoded in the first full pass only.

        Raises:
            DataError: a vector is not finite, or is zero where its cosine is asked for.
        """
        if self._held is not None:
            yield from self._held
            return
        fits = self.budget.holds(self.n_rows, self.dim)
        held: list[Block] = []
        for ids, vectors in self._bank.blocks():
            if not self._is_checked:
                similarity.require_usable(vectors, self.metric, what="bank")
            if fits:
                held.append((ids, vectors))
            yield ids, vectors
        self._is_checked = True
        self._held = held if fits else None

    @functools.cached_property
    def center(self) -> Float32[np.ndarray, " dim"]:
        """The vector that candidates are sought around, where distances count: the bank's mean.

        Around it, distances are as before and rounding errors small beside them.
        """
        if self.metric == "cosine":
            return np.zeros(self.dim, np.float32)
        total = sum(vectors.sum(axis=0, dtype=np.float64) for _, vectors in self.blocks())
        return (total / self.n_rows).astype(np.float32)

    def seen(self, vectors: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n dim"]:
        """Return raw vectors as candidates are sought among: see `similarity.prepared`."""
        return prepared(vectors, self.metric, self.center)

    def tiles(
        self, queries: Float32[np.ndarray, "n dim"]
    ) -> Iterator[tuple[slice, Float32[np.ndarray, "tile dim"]]]:
        """Cut raw queries into tiles that fit the budget, and yield each as it is `seen`."""
        step = self.budget.query_rows(self.dim)
        for start in range(0, len(queries), step):
            place = slice(start, min(start + step, len(queries)))
            yield place, self.seen(queries[place])
