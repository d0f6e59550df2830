"""The largest values of each row of a matrix, and of several matrices side by side."""

import dataclasses

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

_GROUP = 64  # columns whose largest value stands for them


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """Large values, descending, and where they are."""

    values: Float32[Tensor, "n_queries n"]
    rows: Int64[Tensor, "n_queries n"]

    def to(self, device: torch.device) -> "Best":
        """Return the same on another device."""
        return Best(values=self.values.to(device), rows=self.rows.to(device))


def best_of(values: Float32[Tensor, "n_queries n_columns"], n: int) -> Best:
    """Return the `n` largest values of each row, or all if there are fewer.

    Wide matrices are looked at once, a group of columns at a time: the `n` largest lie in the `n` groups
    with the largest maxima, or values equal to them do.
    """
    n_columns = values.shape[1]
    n_groups = n_columns // _GROUP
    if n_groups < 4 * n:
        top = values.topk(min(n, n_columns), dim=1)
        return Best(values=top.values, rows=top.indices)
    inside = n_groups * _GROUP
    maxima = values[:, :inside].unflatten(1, (n_groups, _GROUP)).amax(dim=2)
    groups = maxima.topk(n, dim=1, sorted=False).indices
    members = torch.arange(_GROUP, device=values.device)
    columns = (groups[:, :, None] * _GROUP + members).flatten(1)
    if inside < n_columns:
        rest = torch.arange(inside, n_columns, device=values.device)
        columns = torch.cat([columns, rest.expand(len(values), -1)], dim=1)
    top = values.gather(1, columns).topk(n, dim=1)
    return Best(values=top.values, rows=columns.gather(1, top.indices))


def merged(first: Best | None, second: Best, n: int) -> Best:
    """Return the `n` largest of both, or all if there are fewer."""
    if first is None:
        return second
    values = torch.cat([first.values, second.values], dim=1)
    rows = torch.cat([first.rows, second.rows], dim=1)
    top = values.topk(min(n, values.shape[1]), dim=1)
    return Best(values=top.values, rows=rows.gather(1, top.indices))
