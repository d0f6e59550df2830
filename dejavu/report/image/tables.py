"""One CSV per table and figure of the paper, and per question that it leaves open."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu.image.targets import Target
from dejavu.report.image.records import Comparison, ExcessScores, ImageResults, Scores
from dejavu.report.numbers import NOTHING, Rows, rounded
from dejavu.roles import CONSENSUS, ORACLE, SECOND_MODEL, NaiveBayes
from dejavu.statistics import intervals
from dejavu.text import spreadsheet_safe


def write_csv(rows: Rows, path: Path, columns: Sequence[str]) -> None:
    """Write rows with a header, Unix line ends, shares to six decimals and nothing for null.

    A spreadsheet shows every cell: none is taken for a formula.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([spreadsheet_safe(column) for column in columns])
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if 0 < abs(value) < 1e-4 else rounded(value)
    return "" if value is None else spreadsheet_safe(value)


def score_rows(results: ImageResults, targets: Iterable[Target]) -> Rows:
    """Figures 5 and 6 of the paper: the score of every target against every reference, by role."""
    return [
        {
            "test": f"{target.name} / {reference} / {role}",
            **_who(target, reference),
            "role": role,
            "n": found.n,
            **_score_cells(found.scores),
            "mcnemar_p": found.mcnemar_p,
        }
        for target, reference, each in pairs(results, targets)
        for role, found in (("target", each.target), ("control", each.control))
        if found is not None
    ]


def _score_cells(scores: Scores) -> dict[str, Any]:
    cells: dict[str, Any] = scores.dejavu_score.cells("dejavu_score")
    for percent, each in scores.at.items():
        cells |= each.own.cells(f"dejavu_score_at_{percent}")
        cells |= each.paired.cells(f"at_{percent}_paired")
    cells |= scores.memorized_share.cells("memorized_share")
    cells |= scores.target_accuracy.cells("target_accuracy")
    return cells | scores.reference_accuracy.cells("reference_accuracy")


def calibration_rows(results: ImageResults, targets: Iterable[Target]) -> Rows:
    """Each test calibrated: score on target, bias (score on control), excess, and who is on the list."""
    rows: Rows = []
    for target, reference, each in pairs(results, targets):
        row = {
            "test": f"{target.name} / {reference}",
            **_who(target, reference),
            "n_target": each.target.n,
            **each.target.scores.dejavu_score.cells("target_score"),
            **(each.bias_oracle or NOTHING).cells("bias_against_oracle"),
        }
        if each.control is not None and each.excess is not None:
            row |= {"n_control": each.excess.n_control}
            row |= each.control.scores.dejavu_score.cells("control_score")
            row |= _excess_cells(each.excess)
        rows.append(row)
    return rows


def _excess_cells(excess: ExcessScores) -> dict[str, Any]:
    cells: dict[str, Any] = excess.scores.dejavu_score.cells("excess")
    cells["excess_p_one_sided"] = excess.p_one_sided
    for percent, each in excess.scores.at.items():
        cells |= each.own.cells(f"excess_at_{percent}")
    cells |= excess.scores.memorized_share.cells("excess_memorized_share")
    cells |= excess.estimated_precision.cells("estimated_precision")
    for percent, found in excess.detection.items():
        cells |= found.memorized_share.cells(f"memorized_share_at_fpr_{percent}")
        cells |= found.control_share.cells(f"control_share_at_fpr_{percent}")
        cells |= found.estimated_precision.cells(f"estimated_precision_at_fpr_{percent}")
    return cells


def planted_rows(results: ImageResults, targets: Iterable[Target]) -> Rows:
    """AUROC of memorization confidence for planted against other target samples."""
    return [
        {
            "test": f"{target.name} / {reference}",
            **_who(target, reference),
            **each.target.planted.counts(),
            **each.target.planted.auroc.cells("planted_auroc"),
        }
        for target, reference, each in pairs(results, targets)
        if each.target.planted is not None
    ]


def layer_rows(results: ImageResults, targets: Sequence[Target]) -> Rows:
    """Layers and metrics of each model side by side, the headline first."""
    return [
        {
            "test": f"{target.name} / {reference}",
            **_who(target, reference),
            "is_headline": target.is_headline,
            "n_target": each.target.n,
            **each.target.scores.dejavu_score.cells("target_score"),
            **(each.excess.scores.dejavu_score if each.excess else NOTHING).cells("excess"),
            **(each.excess.scores.memorized_share if each.excess else NOTHING).cells(
                "excess_memorized_share"
            ),
        }
        for target, reference, each in pairs(results, targets)
    ]


def naive_bayes_rows(results: ImageResults, targets: Sequence[Target]) -> Rows:
    """Score and excess against Naive Bayes as the number K of tags grows (paper, Figures 5 and 6)."""
    return [
        {
            **_who(target, reference),
            "annotator": tagged.annotator or "first",
            "top_k": tagged.top_k,
            "n_target": each.target.n,
            **each.target.scores.dejavu_score.cells("target_score"),
            **(each.control.scores.dejavu_score if each.control else NOTHING).cells(
                "control_score"
            ),
            **(each.excess.scores.dejavu_score if each.excess else NOTHING).cells("excess"),
            **each.target.scores.reference_accuracy.cells("reference_accuracy"),
        }
        for target, reference, each in pairs(results, targets)  # the first annotator leads, K grows
        if (tagged := NaiveBayes.named(reference)) is not None
    ]


def accuracy_rows(counts: Iterable[Mapping[str, Any]]) -> Rows:
    """Figure 2a of the paper: how often each predictor guesses the hidden label, with Wilson's interval."""
    rows: Rows = []
    for row in counts:
        low, high = intervals.wilson(row["n_correct"], row["n"])
        rows.append({**row, "low": low, "high": high})
    return rows


def columns_of(rows: Rows, first: Sequence[str] = ()) -> list[str]:
    """Return the columns of rows in order of appearance; `first` for a table that may be empty."""
    found = dict.fromkeys(first)
    for row in rows:
        found |= dict.fromkeys(row)
    return list(found)


def pairs(
    results: ImageResults, targets: Iterable[Target]
) -> Iterator[tuple[Target, str, Comparison]]:
    """Yield every comparison, references in reading order."""
    for target in targets:
        for reference in in_order(results.get(target.name, {})):
            yield target, reference, results[target.name][reference]


def in_order(references: Iterable[str]) -> list[str]:
    """Return references in reading order: the second model, then by family and K, the oracle last."""

    def place(name: str) -> tuple[int, str, int]:
        if (tagged := NaiveBayes.named(name)) is not None:
            return 2, tagged.annotator or "", tagged.top_k
        return {SECOND_MODEL: 0, CONSENSUS: 3, ORACLE: 4}.get(name, 1), name, 0

    return sorted(references, key=place)


def _who(target: Target, reference: str) -> dict[str, Any]:
    return {
        "target": target.name, "model": target.model, "layer": target.layer,
        "metric": target.metric, "reference": reference,
    }  # fmt: skip
