"""Simulated audits in which a known share is memorized: what the verdict says, and what the list holds."""

import functools

import numpy as np

from benchmarks.validity_image import RIDGE, Drawn, draw, known_of, right_of, votes_of
from dejavu.statistics.adjusted import Side, adjusted
from dejavu.statistics.listing import listing, standardized
from dejavu.statistics.verdict import Tested, Word, verdicts

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)  # of the target role, memorized
TOLERANCE = 0.05
FALSE_ENTRIES = 0.1  # of a list, expected at most


def decide(share: float, n: int, first: int, count: int) -> list[list[float | str]]:
    """Return sums over `count` worlds from `first` on, see `benchmarks.validity.DECISIONS`."""
    sums = np.zeros(8)
    truth = share * effect()
    for world in range(first, first + count):
        rng = np.random.default_rng([11, n, round(1000 * share), world])
        target, control = draw(rng, n, share=share), draw(rng, n)
        x = np.split(known_of(target, control), [n])
        found = [
            adjusted(
                *(
                    Side(y=of(each), x=part, group=each.group)
                    for each, part in zip((target, control), x, strict=True)
                ),
                ridge=RIDGE, seed=world, purpose="validity",
            )
            for of in (right_of, votes_of)
        ]  # fmt: skip
        hard, soft = found
        assert hard is not None
        verdict = verdicts(
            {"model": Tested(hard=hard, soft=soft)},
            tolerance=TOLERANCE,
            is_control_different={"model": False},
        )["model"]
        listed = _listed(target, control)
        n_listed, n_false = listed.sum(), (listed & ~target.is_memorized).sum()
        sums += (
            1, verdict.word is Word.MEMORIZES, verdict.word is Word.AT_MOST, verdict.word is Word.TOO_FEW,
            verdict.upper < truth, n_listed > 0, n_false / max(n_listed, 1),
            (listed & target.is_memorized).sum() / max(target.is_memorized.sum(), 1),
        )  # fmt: skip
    return [["", *sums]]


def _listed(target: Drawn, control: Drawn) -> np.ndarray:
    both = (target, control)
    odds = np.concatenate([votes_of(each) for each in both])
    label = np.concatenate([each.label for each in both])
    z = standardized(odds, label, np.ones(len(odds), dtype=bool))
    n = len(target.label)
    return listing(z[:n], z[n:], FALSE_ENTRIES).is_listed


@functools.cache
def effect(n: int = 1_000_000) -> float:
    """Return how much more often a memorized sample is right than the same sample would be."""
    rng = np.random.default_rng(3)
    all_, none = draw(rng, n, share=1.0), draw(rng, n)
    return float(right_of(all_).mean() - right_of(none).mean())
