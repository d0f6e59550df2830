"""Simulated image audits whose truth is known, and every interval that the report would give of them."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping

import numpy as np

from dejavu.report.image import bootstrap
from dejavu.report.image.counts import CountsAtPercent, PlantedCounts
from dejavu.report.image.score_arrays import Compared, Panel, Role
from dejavu.report.image.score_intervals import area, precision, too_few_control
from dejavu.report.image.score_statistics import Statistics, of_most_confident
from dejavu.report.numbers import Estimate
from dejavu.statistics import confident, crossover, detection, intervals, membership
from dejavu.statistics.adjusted import Difference, Side, adjusted, unadjusted
from dejavu.statistics.covariates import covariates, log_probability
from dejavu.statistics.listing import log_odds

K = 20  # neighbors that vote
N_LABELS = 20
PERCENT = 20  # most confident samples
FALSE_POSITIVES = 5  # percent
N_RESAMPLES = 1_000
RIDGE = 0.01
SHARE = 0.12  # of the target role, memorized
PLANTED = 0.1  # of the target role, repeated in training
PLANTED_SHARE = 0.6  # of those, memorized
DUPLICATES = 0.04  # of samples, copies of another one in their role


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The attacked samples of one role, and what each predictor brings back."""

    group: np.ndarray
    label: np.ndarray
    votes: np.ndarray  # for the truth, of the model under test
    right: np.ndarray  # columns: the model, the reference, a second model
    entropy: np.ndarray  # rows in the same order
    p_truth: np.ndarray  # which the reference gives the truth
    is_memorized: np.ndarray
    is_planted: np.ndarray


def draw(
    rng: np.random.Generator, n: int, *, share: float = 0.0, planted: bool = False, by: int = 0
) -> Drawn:
    """Draw n samples, of which `share` is memorized by the model under test, or by the second (`by` 1).

    How easy a sample is differs by label, and is seen by all predictors through noise of their own.
    """
    source = np.arange(n)
    copied = rng.random(n) < DUPLICATES
    copied[0] = False
    source[copied] = np.flatnonzero(~copied)[rng.integers(0, (~copied).sum(), size=copied.sum())]
    label = rng.integers(0, N_LABELS, size=n)
    ease = rng.normal(size=n) + (label - 10) / 10 - 0.8
    is_planted = (rng.random(n) < PLANTED) & planted
    rest = (share - PLANTED * PLANTED_SHARE) / (1 - PLANTED) if planted else share
    is_memorized = rng.random(n) < np.where(is_planted, PLANTED_SHARE, rest)

    def votes(known: np.ndarray) -> np.ndarray:
        chance = 1 / (1 + np.exp(-1.5 * (ease + rng.normal(size=n) * 0.7)))
        return rng.binomial(K, np.where(known, 0.9, 0.8 * chance))

    own, second = votes(is_memorized & (by == 0)), votes(is_memorized & (by == 1))
    seen = ease + rng.normal(size=n)
    p_truth = 1 / (1 + np.exp(-1.2 * seen))
    right = np.column_stack([own > 0.45 * K, p_truth > 0.5, second > 0.45 * K])
    surprise = rng.random((2, n)) * 0.2  # votes for other labels
    entropy = np.stack(
        [
            2 - np.abs(own / K - 0.45) * 2 + surprise[0],
            2 - np.abs(p_truth - 0.5) * 2,
            2 - np.abs(second / K - 0.45) * 2 + surprise[1],
        ]
    )
    return Drawn(
        group=source, label=label[source], votes=own[source], right=right[source],
        entropy=entropy[:, source], p_truth=p_truth[source], is_memorized=is_memorized[source],
        is_planted=is_planted[source],
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """An interval of the report; `truth` where it depends on the draw, e.g. on a cut."""

    low: float
    high: float
    truth: float | None = None


Shown = Iterator[tuple[str, Found | None]]  # None: the report gives no interval


def shown(rng: np.random.Generator, n: int, seed: int) -> Shown:
    """Yield every statistic of one simulated audit of n samples a role, as reported."""
    target = draw(rng, n, share=SHARE, planted=True)
    control, reference = draw(rng, n), draw(rng, n, share=SHARE, by=1)
    yield from _bootstrapped(rng, target, control)
    yield from _detected(target, control)
    yield from _members(target, control)
    yield from _differences(target, control, reference, seed)


def _bootstrapped(rng: np.random.Generator, target: Drawn, control: Drawn) -> Shown:
    own, auroc = _statistics(rng, target, "target")
    other, _ = _statistics(rng, control, "control")
    scores, excess = own.scores(), own.excess(other)
    yield "accuracy", of_estimate(scores.target_accuracy)
    yield "share memorized (Definition 1)", of_estimate(scores.memorized_share)
    yield "score on one role", of_estimate(scores.dejavu_score)
    yield f"score on the most confident {PERCENT} %", of_estimate(scores.at[PERCENT].own)
    yield f"the same, paired {PERCENT} %", of_estimate(scores.at[PERCENT].paired)
    yield "score, target - control", of_estimate(excess.dejavu_score)
    yield "accuracy, target - control", of_estimate(excess.target_accuracy)
    yield (
        f"score on the most confident {PERCENT} %, target - control",
        of_estimate(excess.at[PERCENT].own),
    )
    n_planted = int(target.is_planted.sum())
    if 0 < n_planted < len(target.group):
        area_of = detection.Auroc(_confidence(target), target.is_planted).value()
        counts = PlantedCounts(
            target="", reference="", auroc=area_of, n_planted=n_planted,
            n_other=len(target.group) - n_planted, n_planted_memorized=0, n_other_memorized=0, wins_doubled=0,
        )  # fmt: skip
        yield "AUROC of planted samples", of_estimate(area(counts, auroc))


def _statistics(
    rng: np.random.Generator, drawn: Drawn, role: Role
) -> tuple[Statistics, np.ndarray]:
    n = len(drawn.group)
    panel = Panel(
        role=role, sample_id=np.arange(n), group=drawn.group, correct=drawn.right[:, :2],
        entropy=drawn.entropy[:2], is_planted=drawn.is_planted if drawn.is_planted.any() else None,
        comparisons=(Compared(target="", reference="", target_column=0, reference_column=1),),
    )  # fmt: skip
    found = bootstrap.resample(panel, at_percent=[PERCENT], n_resamples=N_RESAMPLES, generator=rng)
    hits = _hits(drawn)
    top = _top(drawn)
    own, paired = found.top_own[PERCENT], found.top_paired[PERCENT]
    return Statistics(
        n=n,
        dejavu_score=(
            (hits["target_accuracy"] - hits["reference_accuracy"]) / n,
            found.accuracy[:, 0] - found.accuracy[:, 1],
        ),
        hits=hits,
        shares={
            "memorized_share": found.memorized[:, 0], "target_accuracy": found.accuracy[:, 0],
            "reference_accuracy": found.accuracy[:, 1],
        },
        at={
            PERCENT: of_most_confident(top, (own[:, 0], own[:, 1]), paired[:, 0], PERCENT)
        },
    ), (np.empty(0) if found.auroc is None else found.auroc[:, 0])  # fmt: skip


def _hits(drawn: Drawn) -> dict[str, int]:
    own, other = drawn.right[:, 0], drawn.right[:, 1]
    return {
        "memorized_share": int((own & ~other).sum()), "target_accuracy": int(own.sum()),
        "reference_accuracy": int(other.sum()),
    }  # fmt: skip


def _top(drawn: Drawn) -> CountsAtPercent:
    n_top = confident.n_most_confident(PERCENT, len(drawn.group))
    first, second = (confident.by_confidence(each)[:n_top] for each in drawn.entropy[:2])
    return CountsAtPercent(
        target="", reference="", role="target", percent=PERCENT, n_top=n_top,
        n_target_correct=int(drawn.right[first, 0].sum()),
        n_reference_correct_own=int(drawn.right[second, 1].sum()),
        n_reference_correct_paired=int(drawn.right[first, 1].sum()),
    )  # fmt: skip


def of_estimate(estimate: Estimate) -> Found | None:
    """Return the interval of a reported number; None where it has none."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return Found(estimate.low, estimate.high)


def _confidence(drawn: Drawn) -> np.ndarray:
    return np.round(drawn.entropy[1] - drawn.entropy[0], 9)


def _flagged(drawn: Drawn) -> np.ndarray:
    """Return the memorization confidence of flagged samples; the others are below every cut."""
    return np.where(drawn.right[:, 0] & ~drawn.right[:, 1], _confidence(drawn), -np.inf)


def _detected(target: Drawn, control: Drawn) -> Shown:
    names = ("flagged target samples above the cut", "flagged control samples above the cut",
             "precision above the cut")  # fmt: skip
    n = len(target.group)
    own, other = _flagged(target), _flagged(control)
    place = FALSE_POSITIVES * n // 100
    flagged = np.sort(other[other > -np.inf])[::-1]
    if too_few_control(FALSE_POSITIVES, n) or len(flagged) <= place:
        yield from ((name, None) for name in names)
        return
    cut = flagged[place]
    above, others = int((own > cut).sum()), int((other > cut).sum())
    true_own, true_other = _population().above(cut)
    yield names[0], Found(*intervals.clopper_pearson(above, n), true_own)
    yield names[1], Found(*intervals.wilson(others, n), true_other)
    found = of_estimate(precision(above, others, n, n, is_cut=True))
    truth = 1 - true_other / true_own
    yield names[2], None if found is None else Found(found.low, found.high, truth)


def _members(target: Drawn, control: Drawn) -> Shown:
    name = "members found by votes at 1 % false positives"
    if len(control.group) < intervals.least_control(1):
        yield name, None
        return
    cut = membership.at_false_positives(votes_of(target), votes_of(control), 1)
    truth = float((_population().target_soft > cut.cut).mean())
    yield name, Found(*intervals.clopper_pearson(cut.n_target_above, cut.n_target), truth)


def of_difference(found: Difference | None) -> Found | None:
    """Return the interval of a difference; None where it has none."""
    return None if found is None else Found(*found.interval())


def _differences(target: Drawn, control: Drawn, reference: Drawn, seed: int) -> Shown:
    x = known_of(target, control)
    hard, soft = (
        [measure(each) for each in (target, control)] for measure in (right_of, votes_of)
    )  # fmt: skip

    def sides(y: list[np.ndarray]) -> tuple[Side, Side]:
        return (
            Side(y=y[0], x=x[: len(y[0])], group=target.group),
            Side(y=y[1], x=x[len(y[0]) :], group=control.group),
        )

    less = [each.right[:, 0].astype(float) - each.right[:, 1] for each in (target, control)]
    yield (
        "adjusted excess",
        of_difference(adjusted(*sides(hard), ridge=RIDGE, seed=seed, purpose="validity")),
    )
    yield (
        "adjusted excess, soft",
        of_difference(adjusted(*sides(soft), ridge=RIDGE, seed=seed, purpose="validity")),
    )
    yield "gap", of_difference(unadjusted(*sides(hard)))
    yield "unadjusted excess (one reference subtracted)", of_difference(unadjusted(*sides(less)))
    yield "crossover", of_difference(crossover.crossover(*_crossed(target, reference)))


def _crossed(target: Drawn, reference: Drawn) -> list[Side]:
    """Return A - B on both roles; B was trained on the second."""
    return [
        crossover.side(each.right[:, 0].astype(float), each.right[:, 2].astype(float), each.group)
        for each in (target, reference)
    ]


def right_of(drawn: Drawn) -> np.ndarray:
    """Return 1 where the model under test is right."""
    return drawn.right[:, 0].astype(np.float64)


def votes_of(drawn: Drawn) -> np.ndarray:
    """Return the log odds of the votes for the truth."""
    return log_odds(drawn.votes.astype(np.float64), np.full(len(drawn.votes), float(K)))


def known_of(target: Drawn, control: Drawn) -> np.ndarray:
    """Return the covariates: the reference's correctness and confidence in the truth, and the labels."""
    both = (target, control)
    return covariates(
        {
            "right": np.concatenate([each.right[:, 1] for each in both]).astype(np.float64),
            "p_truth": log_probability(np.concatenate([each.p_truth for each in both])),
        },
        {"label": np.concatenate([each.label for each in both])},
    ).x


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Population:
    """Two million samples of each role: what intervals of a few should cover."""

    target: Drawn
    control: Drawn
    target_soft: np.ndarray
    flagged: tuple[np.ndarray, np.ndarray]  # sorted confidences of flagged samples

    def above(self, cut: float) -> tuple[float, float]:
        """Return the shares of target and of control that are flagged above the cut."""
        n = len(self.target.group)
        own, other = (len(each) - np.searchsorted(each, cut, side="right") for each in self.flagged)
        return float(own / n), float(other / n)


@functools.cache
def _population(n: int = 2_000_000) -> _Population:
    rng = np.random.default_rng(1)
    target, control = draw(rng, n, share=SHARE, planted=True), draw(rng, n)
    own, other = (np.sort(each[each > -np.inf]) for each in map(_flagged, (target, control)))
    return _Population(
        target=target, control=control, target_soft=votes_of(target), flagged=(own, other)
    )


def _whole(count: int | None) -> int:
    assert count is not None  # the entropy of every guess is known here
    return count


@functools.cache
def truths() -> Mapping[str, float]:
    """Return what each statistic is of the whole population; those that depend on a cut are not here."""
    target, control = _population().target, _population().control
    n = len(target.group)
    hits = [{name: count / n for name, count in _hits(each).items()} for each in (target, control)]
    tops = [_top(each) for each in (target, control)]
    own = [
        (_whole(each.n_target_correct) - _whole(each.n_reference_correct_own)) / each.n_top
        for each in tops
    ]
    paired = _whole(tops[0].n_target_correct) - _whole(tops[0].n_reference_correct_paired)
    score = [each["target_accuracy"] - each["reference_accuracy"] for each in hits]
    gap = hits[0]["target_accuracy"] - hits[1]["target_accuracy"]
    reference = draw(np.random.default_rng(2), n, share=SHARE, by=1)
    crossed = [float(side.y.mean()) for side in _crossed(target, reference)]
    return {
        "accuracy": hits[0]["target_accuracy"],
        "share memorized (Definition 1)": hits[0]["memorized_share"],
        "score on one role": score[0],
        f"score on the most confident {PERCENT} %": own[0],
        f"the same, paired {PERCENT} %": paired / tops[0].n_top,
        "score, target - control": score[0] - score[1],
        "accuracy, target - control": gap,
        f"score on the most confident {PERCENT} %, target - control": own[0] - own[1],
        "AUROC of planted samples": detection.Auroc(_confidence(target), target.is_planted).value(),
        "adjusted excess": gap,
        "adjusted excess, soft": float(votes_of(target).mean() - votes_of(control).mean()),
        "gap": gap,
        "unadjusted excess (one reference subtracted)": score[0] - score[1],
        "crossover": (crossed[0] - crossed[1]) / 2,
    }
