"""One CSV per table and figure of the paper, and per question that it leaves open."""

from collections.abc import Iterable, Iterator, Sequence

from dejavu.image.targets import Target
from dejavu.report.image.records import (
    Comparison,
    ExcessScores,
    ImageResults,
    RoleScores,
    Scores,
)
from dejavu.report.image.table_records import ImageTables
from dejavu.report.numbers import NOTHING, Line, Rows, line
from dejavu.roles import CONSENSUS, ORACLE, SECOND_MODEL, NaiveBayes


def lines(results: ImageResults, found: ImageTables, targets: Sequence[Target]) -> dict[str, Rows]:
    """Return the lines of every table of the image lane, by file name."""
    return {
        "image_scores": score_rows(results, targets),
        "image_calibration": calibration_rows(results, targets),
        "image_layers": layer_rows(results, targets),
        "image_naive_bayes": naive_bayes_rows(results, targets),
        "image_planted": planted_rows(results, targets),
        "image_accuracy": [each.line() for each in found.accuracy],
        "image_tied_votes": [each.line() for each in found.tied_votes],
        "image_correlations_by_class": [each.line() for each in found.by_label],
        "image_agreement": [each.line() for each in found.agreement],
        "image_intersection": [each.line() for each in found.intersection],
        "image_most_memorized": [line(each) for each in found.most_memorized],
        "image_confidence": [line(each) for each in found.confidence],
    }


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
        for target, reference, role, found in by_role(results, targets)
    ]


def _score_cells(scores: Scores) -> Line:
    cells: Line = scores.dejavu_score.cells("dejavu_score")
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


def _excess_cells(excess: ExcessScores) -> Line:
    cells: Line = excess.scores.dejavu_score.cells("excess")
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
            **_who(target, tagged.name),
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
        for target, tagged, each in by_tags(results, targets)
    ]


def by_role(
    results: ImageResults, targets: Iterable[Target]
) -> Iterator[tuple[Target, str, str, RoleScores]]:
    """Yield target, reference, role and scores of every comparison, references in reading order."""
    for target, reference, each in pairs(results, targets):
        for role, found in (("target", each.target), ("control", each.control)):
            if found is not None:
                yield target, reference, role, found


def by_tags(
    results: ImageResults, targets: Iterable[Target]
) -> Iterator[tuple[Target, NaiveBayes, Comparison]]:
    """Yield every comparison with Naive Bayes: the first annotator leads, K grows."""
    for target, reference, each in pairs(results, targets):
        if (tagged := NaiveBayes.named(reference)) is not None:
            yield target, tagged, each


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


def _who(target: Target, reference: str) -> Line:
    return {
        "target": target.name, "model": target.model, "layer": target.layer,
        "metric": target.metric, "reference": reference,
    }  # fmt: skip
