"""Simulated caption audits whose truth is known, and every interval that the report would give of them."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from benchmarks.validity_image import Found, Shown, of_difference, of_estimate
from dejavu.report.caption import results
from dejavu.report.caption.results import Cells
from dejavu.report.numbers import estimate
from dejavu.statistics import crossover, resampling
from dejavu.statistics.adjusted import Side, adjusted, unadjusted
from dejavu.statistics.covariates import covariates
from dejavu.statistics.matched_gaps import MatchedGap, Values, matched_gap

RIDGE = 0.001
N_RESAMPLES = 1_000
SHARE = 0.12  # of the target role, memorized
DUPLICATES = 0.04
MAX_OBJECTS = 6


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The attacked samples of one role: true objects, and for each predictor what it found of them."""

    group: np.ndarray
    n_objects: np.ndarray
    hits: np.ndarray  # columns: the model, the text model, a second model
    predicted: np.ndarray  # objects predicted, in the same columns; at least the hits, maybe none

    def recall(self, column: int) -> np.ndarray:
        """Return the share of true objects that were found."""
        return self.hits[:, column] / self.n_objects

    def precision(self, column: int) -> np.ndarray:
        """Return the share of predicted objects that are there; 0 where nothing was predicted."""
        return self.hits[:, column] / np.maximum(self.predicted[:, column], 1)


def draw(rng: np.random.Generator, n: int, *, share: float = 0.0, by: int = 0) -> Drawn:
    """Draw n samples, of which `share` is memorized by the model under test, or by the second (`by` 2)."""
    source = np.arange(n)
    copied = rng.random(n) < DUPLICATES
    copied[0] = False
    source[copied] = np.flatnonzero(~copied)[rng.integers(0, (~copied).sum(), size=copied.sum())]
    n_objects = rng.integers(1, MAX_OBJECTS + 1, size=n)
    ease = rng.normal(size=n)
    is_memorized = rng.random(n) < share
    hits, predicted = np.empty((2, n, 3), dtype=np.int64)
    for column in range(3):
        chance = 1 / (1 + np.exp(-(ease + rng.normal(size=n) * 0.7 - 0.3)))
        known = is_memorized & (column == by)
        hits[:, column] = rng.binomial(n_objects, np.where(known, 0.95, chance))
        predicted[:, column] = hits[:, column] + rng.poisson(np.where(known, 1.0, 2.5))
    return Drawn(
        group=source, n_objects=n_objects[source], hits=hits[source], predicted=predicted[source]
    )


def shown(rng: np.random.Generator, n: int, seed: int) -> Shown:
    """Yield every statistic of one simulated audit of n samples a role, as reported."""
    target, control = draw(rng, n, share=SHARE), draw(rng, n)
    reference = draw(rng, n, share=SHARE, by=2)
    yield from _gaps(rng, target, control)
    yield "mean Jaccard agreement of two references", _agreement(rng, target)
    x = covariates(
        {
            name: np.concatenate([getattr(each, name)(1) for each in (target, control)])
            for name in ("recall", "precision")
        },
        {"n_objects": np.concatenate([each.n_objects for each in (target, control)])},
    ).x
    sides = [
        Side(y=each.recall(0), x=part, group=each.group)
        for each, part in zip((target, control), np.split(x, [n]), strict=True)
    ]
    yield (
        "adjusted excess of mean recall",
        of_difference(adjusted(*sides, ridge=RIDGE, seed=seed, purpose="validity")),
    )
    yield "gap of mean recall", of_difference(unadjusted(*sides))
    for name in ("precision", "recall"):
        own, other = (
            Values(y=getattr(each, name)(0), n_objects=each.n_objects, group=each.group)
            for each in (target, control)
        )
        yield f"matched gap of {name}", _of_matched(matched_gap(own, other))
    yield (
        "crossover of mean recall",
        of_difference(crossover.crossover(*_crossed(target, reference))),
    )


def _cells(drawn: Drawn) -> Cells:
    """Return the kinds of samples, as the query counts them: copies stand apart."""
    _, row, counts = np.unique(drawn.group, return_inverse=True, return_counts=True)
    signs = np.sign(
        drawn.hits[:, 0] * np.maximum(drawn.predicted[:, 1], 1)
        - drawn.hits[:, 1] * np.maximum(drawn.predicted[:, 0], 1)
    )
    gaps = drawn.hits[:, 0] - drawn.hits[:, 1]
    group = np.where(counts[row] > 1, drawn.group, -1)
    kinds, n = np.unique(
        np.stack([signs, gaps, drawn.n_objects, group], axis=1), axis=0, return_counts=True
    )
    return Cells(
        counts=n, precision_signs=kinds[:, 0], hit_gaps=kinds[:, 1], n_objects=kinds[:, 2],
        group=kinds[:, 3],
    )  # fmt: skip


def _gaps(rng: np.random.Generator, target: Drawn, control: Drawn) -> Shown:
    cells = [_cells(each) for each in (target, control)]
    values = [results.gaps(each) for each in cells]
    drawn = [results.resampled_gaps(each, N_RESAMPLES, rng) for each in cells]
    for name in results.STATISTICS:
        one = estimate(values[0][name], drawn[0][name])
        both = estimate(values[0][name] - values[1][name], drawn[0][name] - drawn[1][name])
        for shown_as, found in ((name.upper(), one), (f"{name.upper()}, target - control", both)):
            yield shown_as, of_estimate(found)


def _jaccard(drawn: Drawn) -> np.ndarray:
    """Return a share per sample, as the agreement of two references is one."""
    both = np.minimum(drawn.hits[:, 1], drawn.hits[:, 2])
    return both / np.maximum(np.maximum(drawn.hits[:, 1], drawn.hits[:, 2]), 1)


def _agreement(rng: np.random.Generator, target: Drawn) -> Found | None:
    _, row, counts = np.unique(target.group, return_inverse=True, return_counts=True)
    group = np.where(counts[row] > 1, target.group, -1)
    kinds = resampling.kinds(np.ones(len(group), dtype=np.int64), group, _jaccard(target)[:, None])
    bounds = resampling.interval(kinds.resampled(N_RESAMPLES, rng)[:, 0])
    return None if bounds is None else Found(*bounds)


def _crossed(target: Drawn, reference: Drawn) -> list[Side]:
    return [
        crossover.side(each.recall(0), each.recall(2), each.group) for each in (target, reference)
    ]


def _of_matched(found: MatchedGap | None) -> Found | None:
    return None if found is None else of_difference(found.difference)


@functools.cache
def truths(n: int = 2_000_000) -> Mapping[str, float]:
    """Return what each statistic is of two million samples a role."""
    rng = np.random.default_rng(1)
    target, control = draw(rng, n, share=SHARE), draw(rng, n)
    reference = draw(rng, n, share=SHARE, by=2)
    own, other = (results.gaps(_cells(each)) for each in (target, control))
    crossed = [float(side.y.mean()) for side in _crossed(target, reference)]
    found = {name.upper(): own[name] for name in results.STATISTICS}
    found |= {f"{name.upper()}, target - control": own[name] - other[name] for name in own}
    for name in ("precision", "recall"):
        matched = matched_gap(
            *(
                Values(y=getattr(each, name)(0), n_objects=each.n_objects, group=each.group)
                for each in (target, control)
            )
        )
        assert matched is not None
        found[f"matched gap of {name}"] = matched.difference.value
    gap = float(target.recall(0).mean() - control.recall(0).mean())
    return found | {
        "mean Jaccard agreement of two references": float(_jaccard(target).mean()),
        "adjusted excess of mean recall": gap,
        "gap of mean recall": gap,
        "crossover of mean recall": (crossed[0] - crossed[1]) / 2,
    }
