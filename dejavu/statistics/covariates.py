"""The covariates of the adjusted excess: what is known of a sample without the model under test.

Nothing here is computed with the model, or from the role of a sample.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

from dejavu.statistics.design import DesignMatrix, Dummies

P_FLOOR = 0.01  # added to a probability before its logarithm
MIN_PER_LEVEL = 10  # levels with fewer samples, over both roles, share one column


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """A matrix and the name of each of its columns."""

    names: tuple[str, ...]
    x: DesignMatrix


def covariates(
    columns: Mapping[str, Float64[np.ndarray, " n"]],
    levels: Mapping[str, Int64[np.ndarray, " n"]],
) -> Covariates:
    """Return the columns that vary, and a dummy for each level but the first.

    Args:
        columns: by name, over the samples of both roles.
        levels: by name, e.g. ``label`` or ``n_objects``. Levels ascend; those of fewer than 10 samples share
            the column ``<name>=rare``, and the first of the others has none.

    >>> found = covariates({"a": np.ones(20)}, {"label": np.repeat([3, 5], 10)})
    >>> found.names
    ('label=5',)
    """
    made = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    kept = {name: column for name, column in made.items() if np.ptp(column) > 0}
    n = len(next(iter([*columns.values(), *levels.values()]), ()))
    plain = np.stack(list(kept.values()), axis=1) if kept else np.zeros((n, 0))
    names, dummies = list(kept), []
    for name, level in levels.items():
        own, found = _dummies(name, level)
        if own:
            names += own
            dummies.append(found)
    return Covariates(names=tuple(names), x=DesignMatrix(plain=plain, levels=tuple(dummies)))


def log_probability(p_truth: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return ln(p + 0.01): bounded where a reference thinks the truth impossible."""
    return np.log(p_truth + P_FLOOR)


def _dummies(name: str, level: Int64[np.ndarray, " n"]) -> tuple[list[str], Dummies]:
    known, row, counts = np.unique(level, return_inverse=True, return_counts=True)
    is_frequent = counts >= MIN_PER_LEVEL
    frequent = np.flatnonzero(is_frequent)
    names = [f"{name}={known[each]}" for each in frequent[1:]]
    code = np.full(len(known), -1, dtype=np.int32)
    code[frequent[1:]] = np.arange(len(names))
    if len(frequent) and not is_frequent.all():  # a column of ones would say nothing
        code[~is_frequent] = len(names)
        names.append(f"{name}=rare")
    return names, Dummies(code=code[row], n_columns=len(names))
