"""Which samples are memorized: a list whose share of false entries is controlled (docs/method.md, ours).

A sample counts as surprising if the neighbors' votes for its true label are many *for that label*. Its
p-value is the share of control samples at least as surprising; the Benjamini-Hochberg procedure cuts the list
so that at most the stated share of entries is expected to be false (Bates et al. 2023, "Testing for outliers
with conformal p-values"; for scores fitted symmetrically on both sets: Marandon et al. 2024, "Adaptive
novelty detection with false discovery rate guarantee").
"""

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float64, Int64

LEVEL_PRIOR = 5.0  # a label's mean counts as many samples of the common mean
SPREAD_PRIOR = 10.0  # a label's variance counts as many samples of the common variance
STOREY_CUT = 0.5  # p-values above it are taken for those of samples that are not memorized


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every target sample with its p-value, and which are listed."""

    z: Float64[np.ndarray, " n"]
    p_value: Float64[np.ndarray, " n"]
    is_listed: Bool[np.ndarray, " n"]
    n_control: int
    control_needed: (
        int | None
    )  # if the list is empty: control samples with which its head would be listed


def log_odds(
    hits: Float64[np.ndarray, " n"], of: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return ln((hits + ½) / (of − hits + ½)): votes for the truth of k, or found objects of all."""
    return np.log((hits + 0.5) / (of - hits + 0.5))


def standardized(
    values: Float64[np.ndarray, " n"], level: Int64[np.ndarray, " n"], base: Bool[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return z = (value − μ) / σ with the moments of each sample's own level, shrunk to the common ones.

    μ = (Σ + 5 ℓ̄) / (n + 5), σ² = (Σ (ℓ − μ)² + 10 s²) / (n + 10), over the samples of `base` (target and
    control, and the reference role where it joins): the same for every role, so exchangeability is kept.

    Args:
        values: log odds.
        level: the label, or the number of true objects.
        base: whose moments count.
    """
    _, row = np.unique(level, return_inverse=True)
    n_levels = int(row.max()) + 1 if len(row) else 0
    inside, known = row[base], values[base]
    mean, variance = known.mean(), known.var()
    n = np.bincount(inside, minlength=n_levels)
    mu = (np.bincount(inside, known, minlength=n_levels) + LEVEL_PRIOR * mean) / (n + LEVEL_PRIOR)
    squares = np.bincount(inside, (known - mu[inside]) ** 2, minlength=n_levels)
    sigma = np.sqrt((squares + SPREAD_PRIOR * variance) / (n + SPREAD_PRIOR))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (values - mu[row]) / sigma[row]
    return np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0)  # all values equal: nobody stands out


def p_values(
    z: Float64[np.ndarray, " n"], control: Float64[np.ndarray, " n_control"]
) -> Float64[np.ndarray, " n"]:
    """Return (1 + control samples at least as surprising) / (n_control + 1); ties count against."""
    ranked = np.sort(control)
    above = len(ranked) - np.searchsorted(ranked, z, side="left")
    return (1.0 + above) / (len(ranked) + 1.0)


def benjamini_hochberg(
    p: Float64[np.ndarray, " n"], share: float, *, storey: bool = False
) -> Bool[np.ndarray, " n"]:
    """Return which are listed if at most `share` of the entries may be false, in expectation.

    Args:
        p: p-values.
        share: of false entries, in (0, 1).
        storey: divide by the estimated share of samples that are not memorized (Storey 2002); a longer list,
            under the same guarantee for independent p-values.
    """
    n = len(p)
    if n == 0:
        return np.zeros(0, dtype=bool)
    nulls = (1 + int((p > STOREY_CUT).sum())) / (n * (1 - STOREY_CUT)) if storey else 1.0
    ranked = np.sort(p)
    passing = np.flatnonzero(ranked <= share * np.arange(1, n + 1) / (n * min(nulls, 1.0)))
    cut = ranked[passing[-1]] if len(passing) else -1.0
    return p <= cut


def listing(
    target: Float64[np.ndarray, " n"],
    control: Float64[np.ndarray, " n_control"],
    share: float,
    *,
    storey: bool = False,
) -> Listing:
    """List the target samples whose z stands out from control's.

    Args:
        target: z of the target samples.
        control: z of samples that the model was not trained on.
        share: of false entries that is allowed, in (0, 1).
        storey: see `benjamini_hochberg`.
    """
    p = p_values(target, control)
    is_listed = benjamini_hochberg(p, share, storey=storey)
    needed = None
    if not is_listed.any() and len(p):
        # j samples above all of control have p = 1/(n_C + 1), and are listed if that is ≤ share · j / n.
        n_above = int((p <= 1.0 / (len(control) + 1.0)).sum())
        needed = math.ceil(len(p) / (share * max(n_above, 1))) - 1
    return Listing(
        z=target, p_value=p, is_listed=is_listed, n_control=len(control), control_needed=needed
    )
