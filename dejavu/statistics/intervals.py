"""Intervals of shares, ratios and areas where a percentile bootstrap covers too little; least sizes."""

import functools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64
from scipy import optimize, special, stats

Interval = tuple[float, float]

MIN_MOST_CONFIDENT = 30  # samples that p % must be for a score on them
_KEPT = (
    10_000  # intervals: a report asks for the same one of many tables, and each takes a millisecond
)
SMALL_AUROC = 200  # samples below which DeLong's interval is too narrow


def least_control(percent: float | int) -> int:
    """Return how many control samples a cut at `percent` % false positives needs.

    >>> least_control(1.0), least_control(0.1)
    (100, 1000)
    """
    return math.ceil(100 / percent)


def wilson(n_hits: int, n: int, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a share (Newcombe 1998, method 3).

    In closed form: `scipy.stats.binomtest` gives the same numbers after a test that nobody asked for, which
    took a tenth of a report's time.
    """
    share, z = n_hits / n, float(special.ndtri(0.5 + 0.5 * level))
    scale = 2 * (n + z**2)
    center = (2 * n * share + z**2) / scale
    reach = z / scale * math.sqrt(4 * n * share * (1 - share) + z**2)
    return (
        0.0 if n_hits == 0 else center - reach,
        1.0 if n_hits == n else center + reach,
    )


@functools.lru_cache(maxsize=_KEPT)
def clopper_pearson(n_hits: int, n: int, level: float = 0.95) -> Interval:
    """Return the exact interval of a share: covers at least `level`."""
    found = stats.binomtest(n_hits, n).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


@functools.lru_cache(maxsize=_KEPT)
def ratio(n_hits: int, n: int, n_other_hits: int, n_other: int, level: float = 0.95) -> Interval:
    """Return Miettinen and Nurminen's score interval (1985) of share / other share.

    The upper bound is infinite where the other share may be 0.

    Raises:
        ValueError: neither set has a hit: the ratio is undefined.
    """
    if n_hits == n_other_hits == 0:
        raise ValueError("no hit in either set: their ratio is undefined")
    z = float(stats.norm.ppf((1 + level) / 2))
    share, other = n_hits / n, n_other_hits / n_other

    def excess(log_phi: float) -> float:
        phi = math.exp(log_phi)
        a = (n + n_other) * phi
        b = -(n * phi + n_hits + n_other + n_other_hits * phi)
        c = n_hits + n_other_hits
        q = 2 * c / (-b + math.sqrt(max(b * b - 4 * a * c, 0.0)))  # this form loses no digits
        p = min(phi * q, 1.0)
        variance = p * (1 - p) / n + phi**2 * q * (1 - q) / n_other
        variance *= (n + n_other) / (n + n_other - 1)
        return (share - phi * other) / math.sqrt(max(variance, 1e-300))

    low = 0.0 if n_hits == 0 else math.exp(_root(lambda v: excess(v) - z))
    high = math.inf if n_other_hits == 0 else math.exp(_root(lambda v: excess(v) + z))
    return low, high


def _root(function: Callable[[float], float]) -> float:
    return float(optimize.brentq(function, -40.0, 40.0, xtol=1e-12))


def precision(n_hits: int, n: int, n_control_hits: int, n_control: int) -> Interval:
    """Return the interval of (share − control's share) / share: hits that chance does not explain.

    Raises:
        ValueError: no target sample is a hit.
    """
    if n_hits == 0:
        raise ValueError("no target sample is a hit: there is no list to be precise about")
    low, high = ratio(n_control_hits, n_control, n_hits, n)
    return 1 - high, 1 - low


def auroc_small(area: float, n_positive: int, n_negative: int, level: float = 0.95) -> Interval:
    """Return Newcombe's interval of an AUROC (2006, method 5): for small sets, inside [0, 1]."""
    z = float(stats.norm.ppf((1 + level) / 2))
    half = (n_positive + n_negative) / 2 - 1

    def spread(at: float) -> float:
        inner = 1 + half * (1 - at) / (2 - at) + half * at / (1 + at)
        return z * math.sqrt(max(at * (1 - at) * inner / (n_positive * n_negative), 0.0))

    low = 0.0 if area <= 0 else _between(lambda at: area - at - spread(at), 0.0, area)
    high = 1.0 if area >= 1 else _between(lambda at: at - area - spread(at), area, 1.0)
    return low, high


def _between(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root between two ends, or the end where the function never changes its sign."""
    first, last = function(low), function(high)
    if first * last > 0 or first == 0:
        return low if abs(first) <= abs(last) else high
    return float(optimize.brentq(function, low, high, xtol=1e-12))


def delong(
    positive: Float64[np.ndarray, " n"], negative: Float64[np.ndarray, " m"], level: float = 0.95
) -> tuple[float, Interval]:
    """Return the AUROC of scores and its interval (DeLong et al. 1988), clipped to [0, 1]."""
    n, m = len(positive), len(negative)
    both = stats.rankdata(np.concatenate([positive, negative]))
    above = (both[:n] - stats.rankdata(positive)) / m  # per positive: negatives below it, ties half
    below = 1 - (both[n:] - stats.rankdata(negative)) / n
    area = float(above.mean())
    variance = above.var(ddof=1) / n + below.var(ddof=1) / m
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return area, (max(area - half, 0.0), min(area + half, 1.0))
