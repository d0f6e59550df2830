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
_ROUNDING = 1e-12  # shares this close, relatively, are equal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every target sample with its p-value, and which are listed."""

    z: Float64[np.ndarray, " n"]
    p_value: Float64[np.ndarray, " n"]
    q_value: Float64[np.ndarray, " n"]  # the least share of false entries at which it is listed
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


def q_values(p: Float64[np.ndarray, " n"], *, storey: bool = False) -> Float64[np.ndarray, " n"]:
    """Return the least share of false entries at which each sample is listed (Benjamini-Hochberg), at most 1.

    q of the i-th smallest p-value = the least n · p_(j) / j over j ≥ i.

    Args:
        p: p-values.
        storey: multiply by the estimated share of samples that are not memorized (Storey 2002): smaller
            q-values, a longer list.

    >>> q_values(np.array([0.01, 0.5, 0.02])).tolist()
    [0.03, 0.5, 0.03]
    """
    n = len(p)
    if n == 0:
        return np.zeros(0)
    nulls = (1 + int((p > STOREY_CUT).sum())) / (n * (1 - STOREY_CUT)) if storey else 1.0
    order = np.argsort(p, kind="stable")
    raised = p[order] * (n * min(nulls, 1.0)) / np.arange(1, n + 1)
    q = np.empty(n)
    q[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return q


def listed(q: Float64[np.ndarray, " n"], share: float) -> Bool[np.ndarray, " n"]:
    """Return which are listed if at most `share` of the entries may be false, in expectation."""
    return q <= share * (1 + _ROUNDING)


def control_needed(n_target: int, n_above: int, share: float) -> int:
    """Return with how many control samples the head of an empty list would be listed.

    j samples above all of control have p = 1 / (n_C + 1); they are listed if that is at most share · j / n_T.

    Args:
        n_target: samples of the target role.
        n_above: how many of them are above all of control; 0 counts as 1.
        share: of false entries that is allowed.
    """
    return math.ceil(n_target / (share * max(n_above, 1)) * (1 - _ROUNDING)) - 1


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
        storey: see `q_values`.
    """
    p = p_values(target, control)
    q = q_values(p, storey=storey)
    is_listed = listed(q, share)
    needed = None
    if not is_listed.any() and len(p):
        n_above = int((p <= 1.0 / (len(control) + 1.0)).sum())
        needed = control_needed(len(p), n_above, share)
    return Listing(
        z=target, p_value=p, q_value=q, is_listed=is_listed, n_control=len(control), control_needed=needed,
    )  # fmt: skip
