"""A matrix of covariates whose dummies are kept as one code per sample.

A thousand labels make a thousand columns of which each sample fills one: as float64 they would take 8 kB a
sample, and every product with them a thousand multiplications by 0. Estimates need sums of the
matrix, which are made from the codes.
"""

import dataclasses
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64, Int32, Int64
from scipy import sparse


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dummies:
    """Columns of 0 and 1, at most one of them 1 in a row."""

    code: Int32[np.ndarray, " n"]  # the column that is 1; -1: none
    n_columns: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DesignMatrix:
    """Plain columns, then the dummies of each level; ``x[rows]`` and ``np.asarray(x)`` work as on arrays."""

    plain: Float64[np.ndarray, "n q"]
    levels: tuple[Dummies, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of rows and of columns."""
        n, q = self.plain.shape
        return n, q + sum(each.n_columns for each in self.levels)

    def __len__(self) -> int:
        return len(self.plain)

    def __getitem__(self, rows: Any) -> "DesignMatrix":
        levels = tuple(dataclasses.replace(each, code=each.code[rows]) for each in self.levels)
        return DesignMatrix(plain=self.plain[rows], levels=levels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = np.zeros(self.shape, dtype=dtype or np.float64)
        found[:, : self.plain.shape[1]] = self.plain
        for offset, each in self._placed():
            rows = np.flatnonzero(each.code >= 0)
            found[rows, offset + each.code[rows]] = 1
        return found

    @property
    def varies(self) -> bool:
        """Return whether any column has two values."""
        if len(self) and np.ptp(self.plain, axis=0).any():
            return True
        counts = [_counted(each, np.ones(len(self))) for each in self.levels]
        return any(((each > 0) & (each < len(self))).any() for each in counts)

    def centred(self) -> "DesignMatrix":
        """Return the matrix with plain columns about their means, so that no sum of squares cancels."""
        return self.about(self.plain.mean(axis=0))

    def about(self, center: Float64[np.ndarray, " q"]) -> "DesignMatrix":
        """Return the matrix with plain columns about `center`."""
        return dataclasses.replace(self, plain=self.plain - center)

    def sums(self, weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " p"]:
        """Return X'w."""
        parts = [self.plain.T @ weights]
        parts += [_counted(each, weights) for each in self.levels]
        return np.concatenate(parts)

    def gram(self) -> Float64[np.ndarray, "p p"]:
        """Return X'X."""
        p = self.shape[1]
        q = self.plain.shape[1]
        found = np.zeros((p, p))
        found[:q, :q] = self.plain.T @ self.plain
        for offset, each in self._placed():
            own = slice(offset, offset + each.n_columns)
            for place, column in enumerate(self.plain.T):
                found[place, own] = found[own, place] = _counted(each, column)
            for start, other in self._placed():
                both = (each.code >= 0) & (other.code >= 0)
                pairs = each.code[both].astype(np.int64) * other.n_columns + other.code[both]
                counts = np.bincount(pairs, minlength=each.n_columns * other.n_columns)
                found[own, start : start + other.n_columns] = counts.reshape(
                    each.n_columns, other.n_columns
                )
        return found

    def times(
        self, slopes: Float64[np.ndarray, "k p"], row: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " n"]:
        """Return x_i · slopes[row_i] of each sample."""
        q = self.plain.shape[1]
        total: np.ndarray = (slopes[row, :q] * self.plain).sum(axis=1)
        for offset, each in self._placed():
            own = np.column_stack(
                [slopes[:, offset : offset + each.n_columns], np.zeros(len(slopes))]
            )
            total = total + own[row, each.code]  # code -1: the last column, 0
        return total

    def by_group(
        self, row: Int64[np.ndarray, " n"], n_groups: int
    ) -> Any:  # a sparse matrix (n_groups, p)
        """Return the sums of the rows of each group.

        Args:
            row: the group of each sample, 0 to `n_groups` - 1.
            n_groups: how many there are.
        """
        members = sparse.csr_matrix(
            (np.ones(len(row)), (row, np.arange(len(row)))), shape=(n_groups, len(row))
        )
        parts = [sparse.csr_matrix(members @ self.plain)]
        for each in self.levels:
            has = each.code >= 0
            shape = (n_groups, each.n_columns)
            parts.append(
                sparse.csr_matrix(
                    (np.ones(int(has.sum())), (row[has], each.code[has])), shape=shape
                )
            )
        return sparse.hstack(parts, format="csr")

    def _placed(self) -> list[tuple[int, Dummies]]:
        """Return each level with the number of its first column."""
        sizes = [self.plain.shape[1], *(each.n_columns for each in self.levels)]
        return list(zip(np.cumsum(sizes)[:-1].tolist(), self.levels, strict=True))


Matrix: TypeAlias = Float64[np.ndarray, "n p"] | DesignMatrix


def design(x: Matrix) -> DesignMatrix:
    """Return a matrix of covariates as one; an array has plain columns alone."""
    return x if isinstance(x, DesignMatrix) else DesignMatrix(plain=x)


def _counted(level: Dummies, weights: np.ndarray) -> np.ndarray:
    """Return the sum of the weights where each column is 1."""
    has = level.code >= 0
    counts: np.ndarray = np.bincount(
        level.code[has], weights[has], minlength=level.n_columns
    ).astype(np.float64)
    return counts
