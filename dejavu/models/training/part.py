"""Which part of each batch one of several processes works on."""

import dataclasses

from jaxtyping import Int
from torch import Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """The part of process `rank` of `size`: as many images of every batch as the others'."""

    rank: int = 0
    size: int = 1

    def rows(self, rows: Int[Tensor, " n"], batch_size: int) -> Int[Tensor, " m"]:
        """Return this part of every batch of `rows`, in order.

        >>> import torch
        >>> Part(1, 2).rows(torch.arange(8), 4).tolist()
        [2, 3, 6, 7]
        """
        if self.size == 1:
            return rows
        return rows.view(-1, self.size, batch_size // self.size)[:, self.rank].reshape(-1)

    def of(self, n: int) -> slice:
        """Return where the `n` images of this part stand in the whole batch."""
        return slice(self.rank * n, (self.rank + 1) * n)


WHOLE = Part()
