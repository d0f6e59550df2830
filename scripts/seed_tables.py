"""The tables of docs/results/calibration.md: bias and noise of every estimator, and what a seed changes."""

import collections
import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from scripts.page_blocks import fill

MEASURES = {
    ("image", "score"): ("déjà vu score", "points"),
    ("image", "log_odds"): ("log odds of the votes", "nats"),
    ("caption", "recall"): ("recall", "points"), ("caption", "precision"): ("precision", "points"),
    ("caption", "ppg"): ("PPG", "points"), ("caption", "prg"): ("PRG", "points"),
}  # fmt: skip
ESTIMATORS = {
    "plain": "one model, plain (paper)", "unadjusted": "one model, target − control",
    "gap": "no reference: gap",
    "adjusted": "**adjusted**", "adjusted_with_second_model": "adjusted, second model too",
    "matched": "**matched by number of objects**", "two_model": "two models, plain (paper)",
}  # fmt: skip

Tests = dict[tuple[str, ...], np.ndarray]  # (target, setting, reference): a line per seed


def write(page: Path, table: Path, verdicts: Sequence[Mapping[str, Mapping[str, Any]]]) -> None:
    """Put the tables into the blocks of the page.

    Args:
        page: with ``<!-- made by: NAME -->`` and ``<!-- /made -->`` around each block.
        table: rows of `scripts.compare_seeds.Row`.
        verdicts: of every run: what it says of each target.
    """
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    fill(
        page,
        {
            "estimators": lambda: estimators(rows), "seeds": lambda: between_seeds(rows),
            "verdicts": lambda: of_verdicts(verdicts),
        },
    )  # fmt: skip


def estimators(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield a table of one line per measure and estimator: how far it is from the yardstick, and why."""
    yield (
        "| measure | estimator | tests | distance to the yardstick, mean | RMS | its bias | its noise | "
        "half width of its interval | holds the yardstick |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    found = grouped(rows)
    for (lane, measure), (name, unit) in MEASURES.items():
        scale, digits = (100, 1) if unit == "points" else (1, 2)
        for estimator, words in ESTIMATORS.items():
            tests = found.get((lane, measure, estimator))
            if not tests:
                continue
            mean, half, rms, bias, noise = (f"{x * scale:+.{digits}f}" for x in distances(tests))
            lines = np.concatenate(list(tests.values()))
            width = float(np.mean(lines[:, 2] - lines[:, 1])) / 2 * scale
            holds = np.mean((lines[:, 1] <= lines[:, 3]) & (lines[:, 3] <= lines[:, 2]))
            yield (
                f"| {lane}: {name} ({unit}) | {words} | {len(tests)} | {mean} ± {half[1:]} | {rms[1:]} | "
                f"{bias[1:]} | {noise[1:]} | {width:.{digits}f} | {holds:.0%} |"
            )


def grouped(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, str, str], Tests]:
    """Return value, low, high and yardstick of every test by measure and estimator, a line per seed."""
    found: dict[tuple[str, str, str], dict[tuple[str, ...], list[list[float]]]] = {}
    for row in rows:
        key = (row["lane"], row["measure"], row["estimator"])
        test = (row["target"], row["setting"], row["reference"])
        numbers = [float(row[name]) for name in ("value", "low", "high", "yardstick", "seed")]
        found.setdefault(key, collections.defaultdict(list))[test].append(numbers)
    return {
        key: {
            test: np.array(sorted(lines, key=lambda line: line[-1]))
            for test, lines in tests.items()
        }
        for key, tests in found.items()
    }


def distances(tests: Tests) -> tuple[float, float, float, float, float]:
    """Return how far tests are from their yardstick: mean, half width of its interval, RMS, bias, noise.

    The interval is Student's over the seeds, whose tests depend on each other. Bias: the root mean square
    over the tests of what stays over the seeds, freed of its noise; noise: of what does not.
    """
    apart = np.array([lines[:, 0] - lines[:, 3] for lines in tests.values()])  # (tests, seeds)
    n_seeds = apart.shape[1]
    by_seed = apart.mean(axis=0)
    half = stats.t.ppf(0.975, n_seeds - 1) * by_seed.std(ddof=1) / math.sqrt(n_seeds)
    noise = float(np.mean(apart.var(axis=1, ddof=1)))
    bias = max(0.0, float(np.mean(apart.mean(axis=1) ** 2)) - noise / n_seeds)
    rms = math.sqrt(np.mean(apart**2))
    return float(by_seed.mean()), float(half), rms, math.sqrt(bias), math.sqrt(noise)


def between_seeds(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield what the seed changes of the headline models: corpus, roles, order and first weights."""
    yield (
        "| model | estimator | mean over the seeds | smallest to largest | deviation between seeds | "
        "standard error of one run | variance between, of that of one run |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    found = grouped(rows)
    for lane, measure in (("image", "score"), ("caption", "recall")):
        targets = {test[0] for test in found[lane, measure, "adjusted"]}
        for target in sorted(targets):
            if any(target.startswith(f"{other}_") for other in targets):
                continue
            for estimator in ("adjusted", "crossover"):
                lines = found[lane, measure, estimator][target, "", ""]
                values = lines[:, 0] * 100
                error = float(np.sqrt(np.mean((lines[:, 2] - lines[:, 1]) ** 2))) / 2 / 1.96 * 100
                n, between = len(values), float(values.std(ddof=1))
                half = stats.t.ppf(0.975, n - 1) * between / math.sqrt(n)
                yield (
                    f"| {target} | {estimator} | {values.mean():+.1f} ± {half:.1f} | {values.min():+.1f} to "
                    f"{values.max():+.1f} | {between:.1f} | {error:.1f} | {(between / error) ** 2:.1f} |"
                )


def of_verdicts(runs: Sequence[Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield how often each word comes up, and what the lists hold."""
    yield "| model | verdicts | listed samples, by seed | AUROC of planted samples |"
    yield "| --- | --- | --- | ---: |"
    targets = dict.fromkeys(target for run in runs for target in run)
    for target in targets:
        mine = [run[target] for run in runs if target in run]
        words = collections.Counter(each["verdict"] for each in mine)
        if "negative control" in words:
            alarms = sum(each["adjusted"]["ci95"][0] > 0 for each in mine)
            said = f"negative control; its interval lies above 0 in {alarms} of {len(mine)} runs"
        else:
            said = ", ".join(f"*{word}* in {n} of {len(mine)}" for word, n in words.most_common())
        listed = ", ".join(str(each["listed"]) for each in mine)
        area = [each["planted_auroc"] for each in mine]
        spread = f"{np.mean(area):.2f} ({min(area):.2f} to {max(area):.2f})"
        yield f"| {target} | {said} | {listed} | {spread} |"
