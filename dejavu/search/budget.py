"""How many vectors a search holds at once, from the memory it may use."""

import dataclasses

_FLOAT32 = 4
_CANDIDATE = (
    32  # bytes of a query's candidate while it is found and ranked: row, id, similarities, order
)


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """Shares of a stated memory: a quarter for blocks of the bank, an eighth for queries as FAISS sees them.

    Half is for a bank that fits. Where it does not, that half holds the queries that meet the bank before it
    is read again, and what is found for them.

    Beside it stand the program itself and its libraries (about 0.4 GB) and the neighbors found.
    """

    memory_gb: float  # 10^9 bytes

    def holds(self, n_rows: int, dim: int) -> bool:
        """Return whether a bank of this size stays in memory, decoded once."""
        return n_rows * dim * _FLOAT32 <= self.memory_gb * 1e9 / 2

    def block_rows(self, dim: int) -> int:
        """Return how many bank vectors are decoded at once.

        Each exists three times at most: as decoded, beside the pages it comes from, and as FAISS
        sees it.

        >>> Budget(1.2).block_rows(2048)
        12207
        """
        return self._rows(1 / 4, 3 * _FLOAT32 * dim)

    def query_rows(self, dim: int) -> int:
        """Return how many queries meet a block at once, as FAISS sees them."""
        return self._rows(1 / 8, _FLOAT32 * dim)

    def queries_at_once(self, dim: int, n_candidates: int, *, n_copies: int = 1) -> int:
        """Return how many queries meet a streamed bank before it is read again.

        Args:
            dim: length of the vectors.
            n_candidates: per query.
            n_copies: how often all of them exist.

        >>> Budget(2.0).queries_at_once(2048, 120)
        83111
        """
        return self._rows(1 / 2, n_copies * _FLOAT32 * dim + _CANDIDATE * n_candidates)

    def _rows(self, share: float, bytes_per_row: int) -> int:
        return max(1, int(self.memory_gb * 1e9 * share / max(1, bytes_per_row)))
