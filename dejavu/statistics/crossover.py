"""The crossover of two models of one recipe, the yardstick that a second training buys (ours).

Each model is attacked on its own training samples and on the other's. The general quality of the models and
the difficulty of the samples cancel.
"""

import numpy as np
from jaxtyping import Float64

from dejavu.statistics.adjusted import Difference, Side, unadjusted


def crossover(on_target: Side, on_reference: Side) -> Difference | None:
    """Return ½ [mean_T(Y_A − Y_B) + mean_R(Y_B − Y_A)] with a standard error by group.

    Args:
        on_target: y = Y_A − Y_B of kept samples of the target role, on which A was trained.
        on_reference: y = Y_A − Y_B (the same order) of kept samples of the reference role, on which B was.

    Returns:
        n_target and n_control count the samples of the target and of the reference role. None where a role
        has too few groups.
    """
    found = unadjusted(on_target, on_reference)
    if found is None:
        return None
    return Difference(
        value=found.value / 2, se=found.se / 2, df=found.df,
        n_target=found.n_target, n_control=found.n_control,
    )  # fmt: skip


def side(
    first: Float64[np.ndarray, " n"], second: Float64[np.ndarray, " n"], group: np.ndarray
) -> Side:
    """Return what `crossover` takes: the first model's measure − the second's, per sample."""
    return Side(y=first - second, x=np.zeros((len(first), 0)), group=group)
