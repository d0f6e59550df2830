"""The statistics of one target, reference and role, with their resamples; and what two roles make of them."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from dejavu.report.image.counts import CountsAtPercent
from dejavu.report.image.records import MostConfident, Scores
from dejavu.report.numbers import Estimate, bounded, estimate
from dejavu.statistics import intervals

NO_ENTROPY = "guesses came without an entropy: nobody knows which are the surest"
Resampled = Float64[np.ndarray, " resamples"]
Drawn = tuple[float, Resampled]  # value on the samples, values per resample
SHARES = ("memorized_share", "target_accuracy", "reference_accuracy")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The score on the most confident p %; each with the reason why it is not reported."""

    own: tuple[Drawn, str | None]
    paired: tuple[Drawn, str | None]


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
            percent: MostConfident(own=_estimate(*top.own), paired=_estimate(*top.paired))
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

        at = {
            percent: MostConfident(
                own=_estimate_of_difference(top.own, control.at[percent].own),
                paired=_estimate_of_difference(top.paired, control.at[percent].paired),
            )
            for percent, top in self.at.items()
        }
        return Scores(
            dejavu_score=estimate(*_minus(self.dejavu_score, control.dejavu_score)),
            at=at,
            **{name: share(name) for name in SHARES},
        )


def of_most_confident(
    counts: CountsAtPercent | None,
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
    few = None
    n_top = 1 if counts is None else counts.n_top
    if counts is not None and n_top < intervals.MIN_MOST_CONFIDENT:
        few = (
            f"{percent} % of the samples are {n_top}: not reported below "
            f"{intervals.MIN_MOST_CONFIDENT}"
        )

    right = own_right = paired_right = None
    if counts is not None:
        right, own_right, paired_right = (
            counts.n_target_correct,
            counts.n_reference_correct_own,
            counts.n_reference_correct_paired,
        )

    def of(other: int | None, drawn: Resampled) -> tuple[Drawn, str | None]:
        if right is None or other is None:
            return (np.nan, drawn), NO_ENTROPY
        return ((right - other) / n_top, drawn), few

    return Top(
        own=of(own_right, own[0] - own[1]),
        paired=of(paired_right, own[0] - paired),
    )


def _estimate(found: Drawn, reason: str | None) -> Estimate:
    return estimate(None if reason else found[0], found[1], reason=reason)


def _estimate_of_difference(
    mine: tuple[Drawn, str | None], other: tuple[Drawn, str | None]
) -> Estimate:
    return _estimate(_minus(mine[0], other[0]), mine[1] or other[1])


def _minus(mine: Drawn, other: Drawn) -> Drawn:
    return mine[0] - other[0], mine[1] - other[1]
