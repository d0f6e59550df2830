"""One CSV per table and figure of the paper, and per question that it leaves open."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu.image.targets import Target
from dejavu.report.numbers import Node, rounded

Rows = list[dict[str, Any]]


def write_csv(rows: Rows, path: Path, columns: Sequence[str]) -> None:
    """Write rows with a header, Unix line ends, shares to six decimals and nothing for null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if 0 < abs(value) < 1e-4 else rounded(value)
    return "" if value is None else value


def score_rows(results: Node, targets: Iterable[Target], at_percent: Sequence[int]) -> Rows:
    """Figures 5 and 6 of the paper: the score of every target against every reference, by role."""
    names = ["dejavu_score"]
    for percent in at_percent:
        names += [f"dejavu_score_at_{percent}", f"at_{percent}_paired"]
    names += ["memorized_share", "target_accuracy", "reference_accuracy"]
    rows: Rows = []
    for target, reference, nodes in _pairs(results, targets):
        for role in ("target", "control"):
            if role not in nodes:
                continue
            rows.append(
                {
                    "test": f"{target.name} / {reference} / {role}",
                    **_who(target, reference),
                    "role": role,
                    "n": nodes[role]["n"],
                    **_with_bounds(nodes[role], names),
                    "mcnemar_p": nodes[role]["mcnemar_p"],
                }
            )
    return rows


def calibration_rows(
    results: Node,
    targets: Iterable[Target],
    at_percent: Sequence[int],
    false_positive_percent: Sequence[int],
) -> Rows:
    """Each test calibrated: score on target, bias (score on control), excess, and who is on the list."""
    rows: Rows = []
    for target, reference, nodes in _pairs(results, targets):
        row = {
            "test": f"{target.name} / {reference}",
            **_who(target, reference),
            "n_target": nodes["target"]["n"],
            **_renamed(nodes["target"], "dejavu_score", "target_score"),
        }
        row |= _renamed(nodes["bias"], "oracle", "bias_against_oracle")
        if "excess" in nodes:
            names = [f"dejavu_score_at_{percent}" for percent in at_percent]
            excess = nodes["excess"]
            row |= {"n_control": excess["n_control"]}
            row |= _renamed(nodes["control"], "dejavu_score", "control_score")
            row |= _renamed(excess, "dejavu_score", "excess")
            for name in names:
                row |= _renamed(excess, name, name.replace("dejavu_score", "excess"))
            row |= _renamed(excess, "memorized_share", "excess_memorized_share")
            row |= _with_bounds(excess, ["estimated_precision"])
            for percent in false_positive_percent:
                detection = [f"memorized_share_at_fpr_{percent}", f"control_share_at_fpr_{percent}"]
                row |= _with_bounds(excess, [*detection, f"estimated_precision_at_fpr_{percent}"])
        rows.append(row)
    return rows


def planted_rows(results: Node, targets: Iterable[Target]) -> Rows:
    """AUROC of memorization confidence for planted against other target samples."""
    counts = ("n_planted", "n_planted_other", "n_planted_memorized", "n_other_memorized")
    return [
        {
            "test": f"{target.name} / {reference}",
            **_who(target, reference),
            **{name: nodes["target"][name] for name in counts},
            **_with_bounds(nodes["target"], ["planted_auroc"]),
        }
        for target, reference, nodes in _pairs(results, targets)
        if "planted_auroc" in nodes["target"]
    ]


def layer_rows(results: Node, targets: Sequence[Target]) -> Rows:
    """Layers and metrics of each model side by side, the headline first."""
    return [
        {
            "test": f"{target.name} / {reference}",
            **_who(target, reference),
            "is_headline": target.is_headline,
            "n_target": nodes["target"]["n"],
            **_renamed(nodes["target"], "dejavu_score", "target_score"),
            **_renamed(nodes.get("excess", {}), "dejavu_score", "excess"),
            **_renamed(nodes.get("excess", {}), "memorized_share", "excess_memorized_share"),
        }
        for target, reference, nodes in _pairs(results, targets)
    ]


def naive_bayes_rows(results: Node, targets: Sequence[Target]) -> Rows:
    """Score and excess against Naive Bayes as the number K of tags grows (paper, Figures 5 and 6)."""
    rows = [
        {
            **_who(target, reference),
            "annotator": reference.partition("@")[0].removeprefix("naive_bayes").strip("_")
            or "first",
            "top_k": int(reference.partition("@")[2]),
            "n_target": nodes["target"]["n"],
            **_renamed(nodes["target"], "dejavu_score", "target_score"),
            **_renamed(nodes.get("control", {}), "dejavu_score", "control_score"),
            **_renamed(nodes.get("excess", {}), "dejavu_score", "excess"),
            **_with_bounds(nodes["target"], ["reference_accuracy"]),
        }
        for target, reference, nodes in _pairs(results, targets)
        if reference.startswith("naive_bayes") and reference.partition("@")[2].isdigit()
    ]
    order = {target.name: place for place, target in enumerate(targets)}

    def place(row: dict[str, Any]) -> tuple[int, bool, str, int]:
        annotator = row["annotator"]
        return order[row["target"]], annotator != "first", annotator, row["top_k"]

    return sorted(rows, key=place)


def accuracy_rows(
    counts: Iterable[Mapping[str, Any]], results: Node, targets: Iterable[Target]
) -> Rows:
    """Figure 2a of the paper: how often each predictor guesses the hidden label."""
    intervals: dict[tuple[str, str], list[float] | None] = {}
    for target, reference, nodes in _pairs(results, targets):
        answers = target.second_model if reference == "second_model" else reference
        for role in ("target", "control"):
            if role in nodes:
                intervals[target.name, role] = nodes[role]["target_accuracy_ci95"]
                intervals[str(answers), role] = nodes[role]["reference_accuracy_ci95"]
    rows: Rows = []
    for row in counts:
        low, high = intervals.get((row["predictor"], row["role"])) or (None, None)
        rows.append({**row, "low": low, "high": high})
    return rows


def columns_of(rows: Rows, first: Sequence[str] = ()) -> list[str]:
    """Return the columns of rows in order of appearance; `first` for a table that may be empty."""
    found = dict.fromkeys(first)
    for row in rows:
        found |= dict.fromkeys(row)
    return list(found)


def _pairs(results: Node, targets: Iterable[Target]) -> Iterable[tuple[Target, str, Node]]:
    for target in targets:
        for reference in in_order(results.get(target.name, {})):
            yield target, reference, results[target.name][reference]


def in_order(references: Iterable[str]) -> list[str]:
    """Return references in reading order: the second model, then by family and K, the oracle last."""

    def place(name: str) -> tuple[int, str, int]:
        family, _, k = name.partition("@")
        rank = {"second_model": 0, "consensus": 3, "oracle": 4}.get(family)
        if rank is None:
            rank = 2 if family.startswith("naive_bayes") else 1
        return rank, family, int(k) if k.isdigit() else 0

    return sorted(references, key=place)


def _who(target: Target, reference: str) -> dict[str, Any]:
    return {
        "target": target.name, "model": target.model, "layer": target.layer,
        "metric": target.metric, "reference": reference,
    }  # fmt: skip


def _with_bounds(node: Node, names: Iterable[str]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name in names:
        cells |= _renamed(node, name, name)
    return cells


def _renamed(node: Node, name: str, column: str) -> dict[str, Any]:
    low, high = node.get(f"{name}_ci95") or (None, None)
    return {column: node.get(name), f"{column}_low": low, f"{column}_high": high}
