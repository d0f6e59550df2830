"""How many members a measure finds at few false positives (Carlini et al. 2022)."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float64

_ROUNDING = 1e-9  # shares of control this close to a whole number of samples are one


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What lies above the value that at most so many percent of control samples exceed."""

    cut: float
    n_target_above: int
    n_target: int


def at_false_positives(
    target: Float64[np.ndarray, " n"],
    control: Float64[np.ndarray, " n_control"],
    percent: float | int,
) -> Cut:
    """Return the target samples above the cut that at most `percent` % of control samples exceed.

    The cut is the value of the first control sample that may not pass; ties fail with it.

    >>> at_false_positives(np.array([3.0, 1.0]), np.arange(4.0), 25.0)
    Cut(cut=2.0, n_target_above=1, n_target=2)
    """
    n_allowed = math.floor(percent / 100 * len(control) + _ROUNDING)
    cut = float(np.sort(control)[::-1][n_allowed])
    return Cut(cut=cut, n_target_above=int((target > cut).sum()), n_target=len(target))
