"""How many vectors a search holds at once, from the memory it may use."""

import dataclasses

_FLOAT32 = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """Shares of a stated memory: half for a bank that fits, a quarter for its blocks, an eighth for queries.

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

    def _rows(self, share: float, bytes_per_row: int) -> int:
        return max(1, int(self.memory_gb * 1e9 * share / max(1, bytes_per_row)))
