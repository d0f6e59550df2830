"""The tables of docs/results/tiny-imagenet.md: runs of one preset that differ in nothing but the seed.

    python -m scripts.photograph_tables docs/results/tiny-imagenet.csv PAGE RESULTS_JSON [...]

Each RESULTS_JSON is the reports/results.json of one run. A row per run, model, estimator and reference.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.text import spreadsheet_safe
from scripts.compare_seeds import TWO_MODELS, interval
from scripts.page_blocks import fill

FIELDS = (
    "run",
    "target",
    "estimator",
    "reference",
    "value",
    "low",
    "high",
    "n_target",
    "n_control",
    "word",
)
OF_TARGET = ("crossover", "gap", "adjusted", "adjusted_with_second_model")


def rows_of(run: int, results: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what a run says of every model and layer; shares and their differences, 0 to 1."""
    for target, found in results["calibrated"]["image"].items():
        n = (found["adjusted"]["n_target"], found["adjusted"]["n_control"])
        word = (found.get("verdict") or {}).get("word", "")
        for name in OF_TARGET:
            if (found.get(name) or {}).get("value") is not None:
                said = word if name == "adjusted" else ""
                yield (run, target, name, "", *interval(found[name]), *n, said)
        for reference, excess in found["excess_unadjusted"].items():
            yield (run, target, "unadjusted", reference, *interval(excess), *n, "")
        for reference, roles in results["image"][target].items():
            name = "two_model" if reference == TWO_MODELS else "plain"
            plain = interval(roles["target"], "dejavu_score")
            yield (run, target, name, reference, *plain, *n, "")
        for role in ("target", "control"):
            right = interval(roles[role], "target_accuracy")
            yield (run, target, f"right on {role}", "", *right, *n, "")


def recovered_of(run: int, results: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what references guess of the samples that all second models guess right (Table 1)."""
    for reference, by_labels in results["image_tables"]["image_intersection"].items():
        found = by_labels["all"]
        numbers = (found["share"], found["low"], found["high"], found["n_intersection"], "")
        yield (run, "", "recovered", reference, *numbers, found["paper"] or "")


def recovered(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield a line per reference: the share of each run, and that of the paper."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if row["estimator"] == "recovered":
            found.setdefault(row["reference"], []).append(row)
    first = next(iter(found.values()))
    runs = [f"run {row['run']} (n = {row['n_target']})" for row in first]
    yield f"| reference | {' | '.join(runs)} | paper (ImageNet) |"
    yield f"| --- |{' ---: |' * (len(runs) + 1)}"
    for reference, each in found.items():
        if not each[0]["word"]:
            continue  # the paper has no such reference
        shares = [
            "{:.0f} % [{:.0f}, {:.0f}]".format(
                *(100 * float(row[end]) for end in ("value", "low", "high"))
            )
            for row in each
        ]
        yield f"| `{reference}` | {' | '.join(shares)} | {100 * float(each[0]['word']):.0f} % |"


Found = dict[str, list[Mapping[str, str]]]  # rows by estimator


def models(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield a line per run, model and layer: where the tests of one model lie, and the two answers."""
    yield (
        "| run | model | n: target, control | right: target, control | plain scores, by reference | "
        "target − control, by reference | two models, plain | **adjusted** | crossover | word |"
    )
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    by_model: dict[tuple[str, str], Found] = {}
    for row in rows:
        if row["estimator"] == "recovered" or row["target"].endswith("_l2"):
            continue  # the page shows cosine, the headline
        found = by_model.setdefault((row["run"], row["target"]), {})
        found.setdefault(row["estimator"], []).append(row)
    for (run, target), found in by_model.items():
        one = found["adjusted"][0]
        right = ", ".join(
            f"{100 * float(found[f'right on {role}'][0]['value']):.1f} %"
            for role in ("target", "control")
        )
        cells = (
            run, f"`{target}`", f"{one['n_target']}, {one['n_control']}", right,
            _range(found.get("plain")), _range(found.get("unadjusted")),
            _one(found.get("two_model")), f"**{_one([one])}**", _one(found.get("crossover")),
            one["word"] or "–",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _range(rows: list[Mapping[str, str]] | None) -> str:
    if not rows:
        return "–"
    values = [100 * float(row["value"]) for row in rows if row["reference"] != TWO_MODELS]
    return f"{min(values):+.1f} to {max(values):+.1f}"


def _one(rows: list[Mapping[str, str]] | None) -> str:
    if not rows:
        return "–"
    value, low, high = (100 * float(rows[0][name]) for name in ("value", "low", "high"))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def main(table: Path, page: Path, runs: Iterable[Path]) -> None:
    """Write the rows and the block of the page."""
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(FIELDS)
        for number, path in enumerate(runs):
            results = json.loads(path.read_text(encoding="utf-8"))
            for row in (*rows_of(number, results), *recovered_of(number, results)):
                names = map(spreadsheet_safe, row[1:4])
                writer.writerow((row[0], *names, *(f"{x:.6f}" for x in row[4:7]), *row[7:]))
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    fill(page, {"models": lambda: models(rows), "recovered": lambda: recovered(rows)})


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(each) for each in sys.argv[3:]])
