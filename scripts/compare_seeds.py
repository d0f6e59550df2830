"""Put several runs that differ in nothing but the seed side by side: does calibration agree with two models?

    python -m scripts.compare_seeds OUT_PREFIX RESULTS_JSON [RESULTS_JSON ...]

writes OUT_PREFIX.csv (one row per seed, test and score) and OUT_PREFIX.md (means over the seeds with 95 %
intervals, and how far each test is from the two-model score of the same run).
Each RESULTS_JSON is the reports/results.json of one run.
"""

import csv
import json
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scipy import stats

from dejavu.text import spreadsheet_safe

TWO_MODELS = "second_model"


class Row(NamedTuple):
    """One score of one test in one run."""

    run: str
    lane: str
    target: str
    setting: str  # "" in the image lane; mode, k and top in the caption lane
    score: str
    reference: str
    two_model: float  # the two-model score of the same run on the target role
    plain: float  # the one-model score on the target role
    control: float  # the same test on control samples: its bias
    excess: float  # plain - control


def rows_of(run: str, results: dict[str, Any]) -> Iterator[Row]:
    """Yield a row per test and score of one results.json."""
    for target, references in results.get("image", {}).items():
        yield from _compare(run, "image", target, "", references, ("dejavu_score",))
    for target, references in results.get("caption", {}).items():
        for setting, tests in _by_setting(references).items():
            yield from _compare(run, "caption", target, setting, tests, ("ppg", "prg", "aucg"))


def _by_setting(references: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Turn reference → mode → k → top → roles into setting → reference → roles."""
    settings: dict[str, dict[str, Any]] = defaultdict(dict)
    for reference, modes in references.items():
        for mode, by_k in modes.items():
            for k, by_top in by_k.items():
                for top, roles in by_top.items():
                    settings[f"{mode} {k} {top}"][reference] = roles
    return settings


def _compare(
    run: str, lane: str, target: str, setting: str, tests: dict[str, Any], scores: tuple[str, ...]
) -> Iterator[Row]:
    if TWO_MODELS not in tests:
        return
    for score in scores:
        two_model = tests[TWO_MODELS]["target"][score]
        for reference, roles in tests.items():
            if "control" in roles:
                plain, control = roles["target"][score], roles["control"][score]
                yield Row(
                    run, lane, target, setting, score, reference,
                    two_model, plain, control, plain - control,
                )  # fmt: skip


def summary(rows: list[Row]) -> list[dict[str, Any]]:
    """Return one line per test: means and their intervals over runs, and distances."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[(row.lane, row.target, row.setting, row.score, row.reference)].append(row)
    return [
        {
            "lane": lane, "target": target, "setting": setting, "score": score, "reference": reference,
            "runs": len(group),
            **{f"{name}_{what}": value
               for name in ("two_model", "plain", "control", "excess")
               for what, value in _mean_and_spread([getattr(row, name) for row in group])},
            "plain_distance": _rms([row.plain - row.two_model for row in group]),
            "excess_distance": _rms([row.excess - row.two_model for row in group]),
        }
        for (lane, target, setting, score, reference), group in groups.items()
    ]  # fmt: skip


def _mean_and_spread(values: list[float]) -> list[tuple[str, float]]:
    """Return the mean and the half-width of its 95 % interval (Student's t over the runs)."""
    if len(values) < 2:
        return [("mean", statistics.fmean(values)), ("half_width", math.nan)]
    error = statistics.stdev(values) / math.sqrt(len(values))
    half_width = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return [("mean", statistics.fmean(values)), ("half_width", half_width)]


def _rms(values: list[float]) -> float:
    return math.sqrt(statistics.fmean(value * value for value in values))


def headlines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of each model's headline layer and metric: `vicreg`, not `vicreg_backbone_l2`."""
    names = {line["target"] for line in lines}
    return [
        line for line in lines if not any(line["target"].startswith(f"{other}_") for other in names)
    ]


def markdown(lines: list[dict[str, Any]]) -> str:
    """Render the summary as one table per lane and score, and the distances over all tests."""
    text: list[str] = []
    groups = sorted(
        {(line["lane"], line["score"]) for line in lines}, key=lambda g: (g[0] != "image", g)
    )
    for lane, score in groups:
        chosen = [line for line in lines if (line["lane"], line["score"]) == (lane, score)]
        unit, factor = ("points", 100) if lane == "image" else ("", 1)
        digits = 1 if lane == "image" else 3
        text += [f"### {lane}: `{score}`{f' ({unit})' if unit else ''}", ""]
        text += [
            "| target | setting | reference | two-model score | plain score | control (bias) | excess | "
            "plain − two-model (RMS) | excess − two-model (RMS) |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for line in headlines(chosen):
            cells = [line["target"], line["setting"] or "–", line["reference"]]
            for name in ("two_model", "plain", "control", "excess"):
                mean, spread = line[f"{name}_mean"] * factor, line[f"{name}_half_width"] * factor
                cells.append(f"{mean:.{digits}f} ± {spread:.{digits}f}")
            cells += [
                f"{line[name] * factor:.{digits}f}"
                for name in ("plain_distance", "excess_distance")
            ]
            text.append("| " + " | ".join(cells) + " |")
        one_model = [line for line in chosen if line["reference"] != TWO_MODELS]
        plain, excess = (
            _rms([line[name] for line in one_model]) * factor
            for name in ("plain_distance", "excess_distance")
        )
        unit = f" {unit}" if unit else ""
        text += [
            "",
            f"Over all {len(one_model)} one-model tests (all layers and metrics): the plain score is "
            f"{plain:.{digits}f}{unit} (root mean square) from the two-model score of the same run, "
            f"the excess {excess:.{digits}f}{unit}.",
            "",
        ]
    return "\n".join(text)


def main() -> None:
    """Read the runs, write the table and the page."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    prefix, *paths = sys.argv[1:]
    rows = [
        row
        for path in paths
        for row in rows_of(path, json.loads(Path(path).read_text(encoding="utf-8")))
    ]
    lines = summary(rows)
    with Path(f"{prefix}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("seed", *Row._fields[1:]))
        names = {path: index for index, path in enumerate(paths)}
        writer.writerows(
            (
                names[row.run],
                *map(spreadsheet_safe, row[1:6]),
                *(f"{value:.6f}" for value in row[6:]),
            )
            for row in rows
        )
    Path(f"{prefix}.md").write_text(markdown(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
