"""Put several runs that differ in nothing but the seed side by side: which estimator follows the crossover?

    python -m scripts.compare_seeds docs/results/seeds.csv docs/results/calibration.md RESULTS_JSON [...]

Each RESULTS_JSON is the reports/results.json of one run. Writes one row per run, model and estimator, and
the blocks of the page between ``<!-- made by: NAME -->`` and ``<!-- /made -->``.
"""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dejavu.text import spreadsheet_safe
from scripts.seed_tables import write

TWO_MODELS = "second_model"
HARD = {"image": "score", "caption": "recall"}  # in what the headline of a lane is measured
SIGNS = ("ppg", "prg")
HEADLINE = "t2i k=10 top=all"  # setting of the caption lane in the default run


Interval = tuple[float, float, float]  # value, low, high


class Row(NamedTuple):
    """One number of one run, beside its yardstick in the same run; shares and their differences: 0 to 1."""

    seed: int
    lane: str
    target: str
    setting: str  # of PPG and PRG: mode, k and top
    measure: str  # score, log_odds, recall, precision, ppg, prg
    estimator: (
        str  # plain, unadjusted, gap, adjusted, adjusted_with_second_model, matched, two_model, …
    )
    reference: str
    value: float
    low: float
    high: float
    yardstick: float  # the crossover; of PPG and PRG, which have none, the two-model score
    yardstick_low: float
    yardstick_high: float


def rows_of(seed: int, results: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the estimates of every target that has a second model."""
    for lane in HARD:
        for target, found in results["calibrated"].get(lane, {}).items():
            if found["crossover"]["value"] is not None:
                yield from _calibrated(seed, lane, target, found, results)
    for target, references in results.get("caption", {}).items():
        for setting, tests in _by_setting(references).items():
            yield from _signs(seed, target, setting, tests)


def _calibrated(
    seed: int, lane: str, target: str, found: Mapping[str, Any], results: Mapping[str, Any]
) -> Iterator[Row]:
    hard = HARD[lane]

    def row(measure: str, estimator: str, of: Interval, against: str, by: str = "") -> Row:
        beside = interval(found[against])
        return Row(seed, lane, target, "", measure, estimator, by, *of, *beside)

    for name in ("crossover", "gap", "adjusted", "adjusted_with_second_model"):
        yield row(hard, name, interval(found[name]), "crossover")
    for reference, excess in found["excess_unadjusted"].items():
        yield row(hard, "unadjusted", interval(excess), "crossover", reference)
    if lane == "image":
        for reference, roles in results["image"][target].items():
            name = "two_model" if reference == TWO_MODELS else "plain"
            plain = interval(roles["target"], "dejavu_score")
            yield row(hard, name, plain, "crossover", reference)
    for measure, name, against in (
        ("log_odds", "adjusted_soft", "crossover_soft"),
        ("precision", "adjusted_precision", "crossover_precision"),
    ):
        if name in found:
            yield row(measure, "adjusted", interval(found[name]), against)
            yield row(measure, "crossover", interval(found[against]), against)
    if lane == "caption":
        own = _by_setting(results["caption"][target])[HEADLINE][TWO_MODELS]["target"]
        for sign in SIGNS:
            of, beside = interval(found[f"{sign}_matched"]), interval(own, sign)
            yield Row(seed, lane, target, HEADLINE, sign, "matched", "", *of, *beside)


def interval(found: Mapping[str, Any], name: str = "") -> Interval:
    """Return a number of results.json with the ends of its interval."""
    low, high = found[f"{name}_ci95" if name else "ci95"]
    return float(found[name or "value"]), float(low), float(high)


def _by_setting(references: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Turn reference → mode → k → top → roles into setting → reference → roles."""
    settings: dict[str, dict[str, Any]] = {}
    for reference, modes in references.items():
        for mode, by_k in modes.items():
            for k, by_top in by_k.items():
                for top, roles in by_top.items():
                    settings.setdefault(f"{mode} {k} {top}", {})[reference] = roles
    return settings


def _signs(seed: int, target: str, setting: str, tests: Mapping[str, Any]) -> Iterator[Row]:
    if TWO_MODELS not in tests:
        return
    for sign in SIGNS:
        yardstick = interval(tests[TWO_MODELS]["target"], sign)
        for reference, roles in tests.items():
            if reference == TWO_MODELS or "control" not in roles:
                continue
            for name, role in (("plain", "target"), ("unadjusted", "excess")):
                of = interval(roles[role], sign)
                yield Row(seed, "caption", target, setting, sign, name, reference, *of, *yardstick)


def verdicts(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a run says of each target at its headline layer: verdict, listed samples, planted ones."""
    names = {target for lane in HARD for target in results["calibrated"].get(lane, {})}
    return {
        target: {
            "verdict": "negative control" if found["is_negative_control"] else found["verdict"]["word"],
            "listed": found["list"]["n_listed"], "planted_auroc": found["list"]["planted_auroc"],
            "adjusted": found["adjusted"],
        }
        for lane in HARD
        for target, found in results["calibrated"].get(lane, {}).items()
        if not any(target.startswith(f"{other}_") for other in names)
    }  # fmt: skip


def main() -> None:
    """Read the runs, write the rows and the page."""
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    table, page, *paths = map(Path, sys.argv[1:])
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = [row for seed, run in enumerate(runs) for row in rows_of(seed, run)]
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Row._fields)
        for row in rows:
            names, numbers = row[1:7], row[7:]
            writer.writerow(
                (row.seed, *map(spreadsheet_safe, names), *(f"{x:.6f}" for x in numbers))
            )
    write(page, table, [verdicts(run) for run in runs])


if __name__ == "__main__":
    main()
