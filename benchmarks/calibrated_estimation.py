"""How well the calibrated estimates behave: 2,000 simulated worlds, or 2,000 permutations of a finished run.

    python -m benchmarks.calibrated_estimation worlds
        bias, coverage and width where the truth is known
    python -m benchmarks.calibrated_estimation permuted data vicreg,barlow_twins,dino 20
        false badges and false lists where nothing is memorized: roles are permuted among the groups of a
        finished run, for these image targets at k = 20

A few minutes on one core.
"""

import sys
from pathlib import Path

import numpy as np

from dejavu.report.image import attacked as arrays
from dejavu.statistics.adjusted import Side, adjusted, unadjusted
from dejavu.statistics.listing import listing, standardized
from dejavu.statistics.verdict import Tested, Word, verdicts
from dejavu.tables import catalog

N = 2_000
_SEED = 12


def worlds(n_worlds: int = N) -> dict[str, float]:
    """Simulate worlds in which a known share of the target role is memorized.

    A sample has a label of 20, a difficulty that two references see through noise, and is right with a
    probability that rises with it; memorized samples (12 % of target) are right for sure.
    """
    rng = np.random.default_rng(_SEED)
    errors, inside, widths, gaps, plain = [], 0, [], [], []
    for world in range(n_worlds):
        n = int(rng.choice([100, 200, 500]))
        sides, right = [], []
        for share in (0.12, 0.0):
            ease = rng.normal(size=n) - 1.0
            references = (ease[:, None] + rng.normal(size=(n, 2))) > 0
            chance = 1 / (1 + np.exp(-1.5 * ease))
            y = (rng.random(n) < chance) | (rng.random(n) < share)
            x = np.column_stack([references, ease + rng.normal(size=n)]).astype(np.float64)
            sides.append(Side(y=y.astype(np.float64), x=x, group=np.arange(n)))
            right.append(references[:, 0].astype(np.float64))
        truth = 0.12 * (1 - _MEAN_CHANCE)
        found = adjusted(*sides, ridge=0.01, seed=world, purpose="benchmark")
        less = [Side(y=s.y - r, x=s.x, group=s.group) for s, r in zip(sides, right, strict=True)]
        one = unadjusted(*less)
        gap = unadjusted(*sides)
        assert found is not None
        assert one is not None
        assert gap is not None
        errors.append(found.value - truth)
        low, high = found.interval()
        inside += low <= truth <= high
        widths.append(found.half_width() / one.half_width())
        gaps.append(found.half_width() / gap.half_width())
        plain.append(one.half_width() / gap.half_width())
    return {
        "mean error, points": 100 * float(np.mean(errors)),
        "its standard error, points": 100 * float(np.std(errors) / np.sqrt(n_worlds)),
        "coverage, %": 100 * inside / n_worlds,
        "median width of adjusted / unadjusted": float(np.median(widths)),
        "median width of adjusted / gap": float(np.median(gaps)),
        "median width of unadjusted / gap": float(np.median(plain)),
    }


def _mean_chance() -> float:
    """Integrate the chance to be right without memorization over the difficulty."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    return float(weights @ (1 / (1 + np.exp(-1.5 * (points - 1.0)))) / weights.sum())


_MEAN_CHANCE = _mean_chance()


def permuted(data: Path, names: list[str], k: int, n_permutations: int = N) -> dict[str, float]:
    """Permute the roles of groups, and count words and lists: nothing stands out any more.

    Args:
        data: the data folder of a finished run.
        names: image targets at their headline setting.
        k: public images that vote.
    """
    with catalog.connect(data, only=["predictions", "splits"], sandboxed=False) as opened:
        known = opened.table("SELECT DISTINCT predictor FROM predictions")["predictor"].to_pylist()
        targets = {name: arrays.read(opened, name) for name in names}
        chosen = arrays.chosen(["classifier", "naive_bayes@5"], known)
        references = {name: arrays.read(opened, name) for name in chosen}
    first = targets[names[0]]
    x = arrays.covariates_of(first, references).x
    groups, row = np.unique(first.group, return_inverse=True)
    in_target = np.bincount(row[first.is_target], minlength=len(groups)) > 0
    rng = np.random.default_rng(_SEED)
    soft = {name: found.soft(k) for name, found in targets.items()}
    z = {
        name: standardized(values, first.label_id, np.ones(len(values), dtype=bool))
        for name, values in soft.items()
        if values is not None
    }
    n_badges = n_lists = 0
    for each in range(n_permutations):
        is_target = rng.permutation(in_target)[row]
        tested = {}
        for name, found in targets.items():
            hard, log_odds = (
                adjusted(
                    *(Side(y=y[own], x=x[own], group=first.group[own]) for own in (is_target, ~is_target)),
                    ridge=0.01, seed=each, purpose="permuted",
                )
                for y in (found.is_correct, soft[name])
                if y is not None
            )  # fmt: skip
            assert hard is not None
            tested[name] = Tested(hard=hard, soft=log_odds)
        words = verdicts(
            tested, tolerance=0.05, is_control_different=dict.fromkeys(tested, False)
        ).values()
        n_badges += any(word.word is Word.MEMORIZES for word in words)
        n_lists += sum(
            bool(listing(values[is_target], values[~is_target], 0.1).is_listed.any())
            for values in z.values()
        )
    return {
        "runs with any badge, %": 100 * n_badges / n_permutations,
        "lists that are not empty, %": 100 * n_lists / n_permutations / len(z),
    }


if __name__ == "__main__":
    if sys.argv[1] == "worlds":
        numbers = worlds()
    else:
        numbers = permuted(Path(sys.argv[2]), sys.argv[3].split(","), int(sys.argv[4]))
    for name, value in numbers.items():
        print(f"{name}: {value:.2f}")
