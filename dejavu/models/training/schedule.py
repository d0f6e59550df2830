"""The one-cycle learning rate of every training here."""

import torch


def one_cycle(
    optimizer: torch.optim.Optimizer,
    *,
    peak: float,
    n_steps: int,
    warmup_share: float,
    moves_momentum: bool = False,
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Return a schedule that rises to `peak` for a share of the steps and falls along a cosine.

    Args:
        optimizer: whose learning rate is set.
        peak: highest learning rate.
        n_steps: in all, at least 1.
        warmup_share: of the steps, in [0, 1).
        moves_momentum: lower the momentum (0.95 to 0.85) where the rate is high.
    """
    if warmup_share * n_steps == 1:
        warmup_share *= 1 + 1e-9  # torch divides by the warm-up's length − 1
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=peak,
        total_steps=n_steps,
        pct_start=warmup_share,
        cycle_momentum=moves_momentum,
    )
