"""Intervals of shares, precisions and areas of the image lane, where a bootstrap covers too little."""

import numpy as np
from jaxtyping import Float64

from dejavu.report.image.counts import PlantedCounts
from dejavu.report.numbers import Estimate, bounded, estimate
from dejavu.statistics import intervals


def precision(
    n_hits: int, n_control_hits: int, n: int, n_control: int, *, is_cut: bool = False
) -> Estimate:
    """Return (share of target − share of control) / share of target, the part not explained by chance.

    Its interval is the score interval of the ratio; above a cut that control decided, one more control sample
    counts as above it, since the next one would be.
    """
    extra = int(is_cut)
    return bounded(
        1 - n_control_hits * n / (n_hits * n_control) if n_hits else None,
        lambda: intervals.precision(n_hits, n, n_control_hits + extra, n_control + extra),
        reason="no target sample is on the list",
    )


def area(counts: PlantedCounts, resampled: Float64[np.ndarray, " resamples"]) -> Estimate:
    """Return the area with an interval that keeps its level for few samples too."""
    value, n, n_other = counts.auroc, counts.n_planted, counts.n_other
    if n + n_other >= intervals.SMALL_AUROC:
        return estimate(value, resampled)
    return bounded(value, lambda: intervals.auroc_small(value, n, n_other))


def too_few_control(percent: int, n_control: int) -> str | None:
    """Return why a cut at `percent` % false positives is not reported; None where control suffices."""
    least = intervals.least_control(float(percent))
    if n_control >= least:
        return None
    return (
        f"{percent} % false positives of {n_control} control samples cannot be told: it takes "
        f"at least {least}"
    )
