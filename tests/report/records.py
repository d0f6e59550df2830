"""Records of comparisons that say what a test wants."""

from dejavu.report.caption import records as captions
from dejavu.report.caption.records import ExcessGaps, Gaps, RoleGaps
from dejavu.report.image.records import Comparison, ExcessScores, RoleScores, Scores
from dejavu.report.numbers import NOTHING, Estimate


def of(bounds):
    """Return an estimate from (value, low, high)."""
    value, low, high = bounds
    return Estimate(value=value, low=low, high=high)


def scores(dejavu_score):
    return Scores(
        dejavu_score=of(dejavu_score), memorized_share=NOTHING, target_accuracy=NOTHING,
        reference_accuracy=NOTHING, at={},
    )  # fmt: skip


def role(dejavu_score, n=40):
    return RoleScores(
        n=n, n_target_correct=9, n_reference_correct=5, n_memorized=9, n_reference_only=5, n_at={},
        mcnemar_p=0.5, scores=scores(dejavu_score), planted=None,
    )  # fmt: skip


def comparison(*, score, control=None, excess=None, n=40):
    """Return a comparison of the image lane from (value, low, high) of each part."""
    return Comparison(
        target=role(score, n),
        control=None if control is None else role(control, n),
        excess=None if excess is None else ExcessScores(
            n_target=n, n_control=n, scores=scores(excess), estimated_precision=NOTHING, detection={},
            p_one_sided=0.5,
        ),
        bias_oracle=None,
    )  # fmt: skip


def gaps(ppg, prg):
    return Gaps(ppg=of(ppg), prg=of(prg), aucg=NOTHING)


def caption_comparison(ppg, prg, n=40):
    """Return a comparison of the caption lane with the same gaps in every part."""
    found = RoleGaps(
        n=n, n_precision_higher=0, n_precision_lower=0, n_recall_higher=0, n_recall_lower=0,
        n_target_undefined=0, n_reference_undefined=0, target_recall=0.5, reference_recall=0.25,
        ppg_sign_p=1.0, prg_sign_p=1.0, gaps=gaps(ppg, prg),
    )  # fmt: skip
    return captions.Comparison(
        target=found, control=found,
        excess=ExcessGaps(
            n_target=n, n_control=n, gaps=gaps(ppg, prg),
            p_one_sided=dict.fromkeys(("ppg", "prg", "aucg"), 0.5),
        ),
        bias_oracle=None,
    )  # fmt: skip
