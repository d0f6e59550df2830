"""Tell a network that learned from one that diverged, collapsed or did not move."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from dejavu.errors import TrainingError

COLLAPSED_STD = 0.02  # of unit vectors, times sqrt(dim): 1 is spread evenly, 0 is one point
COLLAPSED_RANK = 1.1  # effective rank; 1: everything lies on one line
PATIENCE_EPOCHS = 10  # collapsed for so many epochs in a row ends the training
MIN_EPOCHS = 10  # shorter trainings are not asked whether the loss fell


def embedding_std(vectors: Float[Tensor, "n dim"]) -> float:
    """Return the mean standard deviation of the unit vectors' components, times sqrt(dim).

    About 1 if directions are spread evenly, 0 if all vectors point one way.
    """
    units = torch.nn.functional.normalize(vectors.detach().float(), dim=1)
    return float(units.std(dim=0).mean()) * math.sqrt(vectors.shape[1])


def effective_rank(vectors: Float[Tensor, "n dim"]) -> float:
    """Return exp(entropy of the normalized singular values) of the centered vectors, in [1, dim].

    The number of directions that the vectors really use (Roy & Vetterli 2007); 0 if all are equal.
    """
    singular = torch.linalg.svdvals((vectors - vectors.mean(dim=0)).double())
    total = float(singular.sum())
    if total == 0:
        return 0.0
    shares = singular / total
    return float(torch.exp(torch.special.entr(shares).sum()))


def check_loss(model: str, epoch: int, loss: float) -> None:
    """Stop a training whose loss is no number any more.

    Raises:
        TrainingError: the loss is NaN or infinite.
    """
    if not math.isfinite(loss):
        raise TrainingError(
            f"{model}: the loss became {loss} in epoch {epoch + 1}: the training diverged. "
            "Lower the recipe's learning_rate or raise its warmup_share."
        )


def check_spread(model: str, stds: Sequence[float]) -> None:
    """Stop a training that has been collapsed for `PATIENCE_EPOCHS` epochs.

    Raises:
        TrainingError: all of the last epochs' `embedding_std` are below `COLLAPSED_STD`.
    """
    last = stds[-PATIENCE_EPOCHS:]
    if len(last) == PATIENCE_EPOCHS and max(last) < COLLAPSED_STD:
        raise TrainingError(
            f"{model}: collapsed: for {PATIENCE_EPOCHS} epochs the embedding std was at most "
            f"{max(last):.2g} (below {COLLAPSED_STD}; 1 is spread evenly). {_ADVICE}"
        )


def check_vectors(model: str, layer: str, vectors: Float[Tensor, "n dim"]) -> None:
    """Refuse a trained network whose vectors of the training images are nearly one point or line.

    Raises:
        TrainingError: their `embedding_std` or `effective_rank` is too small, or one is no number.
    """
    if not bool(torch.isfinite(vectors).all()):
        raise TrainingError(
            f"{model}: layer {layer!r} gives NaN or infinity: the training diverged."
        )
    std, rank = embedding_std(vectors), effective_rank(vectors)
    if std < COLLAPSED_STD or rank < COLLAPSED_RANK:
        raise TrainingError(
            f"{model}: layer {layer!r} collapsed: embedding std {std:.2g} (at least {COLLAPSED_STD}), "
            f"effective rank {rank:.2g} of {vectors.shape[1]} (at least {COLLAPSED_RANK}). {_ADVICE}"
        )


def check_learned(model: str, losses: Sequence[float]) -> None:
    """Refuse a training whose loss never fell below the mean of its first epochs.

    The first tenth of the epochs is compared with the rest; trainings of fewer than `MIN_EPOCHS`
    epochs pass.

    Raises:
        TrainingError: no later epoch has a lower loss.
    """
    if len(losses) < MIN_EPOCHS:
        return
    n_first = max(1, len(losses) // 10)
    first, best = sum(losses[:n_first]) / n_first, min(losses[n_first:])
    if best >= first:
        raise TrainingError(
            f"{model}: learned nothing: the loss of the first {n_first} epochs was {first:.4g} on average, "
            f"and no later epoch's was lower (best {best:.4g}). Raise the recipe's learning_rate."
        )


_ADVICE = (
    "Try a lower learning_rate, a larger batch_size, or the published coefficients of the loss."
)
