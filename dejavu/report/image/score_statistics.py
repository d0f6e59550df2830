"""The statistics of one target, reference and role, with their resamples; and what two roles make of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from dejavu.report.image.records import MostConfident, Scores
from dejavu.report.numbers import Estimate, bounded, estimate
from dejavu.statistics import intervals

NO_ENTROPY = "guesses came without an entropy: nobody knows which are the surest"
Resampled = Float64[np.ndarray, " resamples"]
Drawn = tuple[float, Resampled]  # value on the samples, values per resample
SHARES = ("memorized_share", "target_accuracy", "reference_accuracy")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The score on the most confident p %."""

    own: Drawn
    paired: Drawn
    reason: str | None  # why it is not reported


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What exists in both roles."""

    n: int
    dejavu_score: Drawn
    hits: Mapping[str, int]  # of `SHARES`: samples that have it
    shares: Mapping[str, Resampled]  # the same in resamples
    at: Mapping[int, Top]  # by percent

    def scores(self) -> Scores:
        """Return the estimates of this role; its shares have Wilson's interval."""

        def share(name: str) -> Estimate:
            hits = self.hits[name]
            return bounded(hits / self.n, lambda: intervals.wilson(hits, self.n))

        at = {
            percent: MostConfident(
                own=_estimate(top.own, top.reason), paired=_estimate(top.paired, top.reason)
            )
            for percent, top in self.at.items()
        }
        return Scores(
            dejavu_score=estimate(*self.dejavu_score),
            at=at,
            **{name: share(name) for name in SHARES},
        )

    def excess(self, control: "Statistics") -> Scores:
        """Return this role − control, two independent sets of samples: bootstrapped on their own."""

        def share(name: str) -> Estimate:
            value = self.hits[name] / self.n - control.hits[name] / control.n
            return estimate(value, self.shares[name] - control.shares[name])

        at = {}
        for percent, top in self.at.items():
            other = control.at[percent]
            reason = top.reason or other.reason
            at[percent] = MostConfident(
                own=_estimate(_minus(top.own, other.own), reason),
                paired=_estimate(_minus(top.paired, other.paired), reason),
            )
        return Scores(
            dejavu_score=estimate(*_minus(self.dejavu_score, control.dejavu_score)),
            at=at,
            **{name: share(name) for name in SHARES},
        )


def of_most_confident(
    counts: Mapping[str, Any] | None,
    own: tuple[Resampled, Resampled],
    paired: Resampled,
    percent: int,
) -> Top:
    """Return the score on the most confident samples, or why there is none.

    Args:
        counts: how many samples p % are, and how many of them each gets right; None, or a null among them,
            where it is not known which samples are the surest.
        own: accuracies of target and reference, each on its own surest samples, in resamples.
        paired: accuracy of the reference on the target's surest.
        percent: p.
    """
    names = ("n_target_correct", "n_reference_correct_own", "n_reference_correct_paired")
    if counts is None or any(counts[name] is None for name in names):
        unknown = (np.nan, paired)
        return Top(own=unknown, paired=unknown, reason=NO_ENTROPY)
    n_top = counts["n_top"]
    reason = None
    if n_top < intervals.MIN_MOST_CONFIDENT:
        reason = (
            f"{percent} % of the samples are {n_top}: not reported below "
            f"{intervals.MIN_MOST_CONFIDENT}"
        )
    right, reference_own, reference_paired = (counts[name] for name in names)
    return Top(
        own=((right - reference_own) / n_top, own[0] - own[1]),
        paired=((right - reference_paired) / n_top, own[0] - paired),
        reason=reason,
    )


def _estimate(found: Drawn, reason: str | None) -> Estimate:
    return estimate(None if reason else found[0], found[1], reason=reason)


def _minus(mine: Drawn, other: Drawn) -> Drawn:
    return mine[0] - other[0], mine[1] - other[1]
