"""Statistics of the image lane written from their definitions, on lists of drawn samples."""

import math


def most_confident(entropy, drawn, percent):
    """Return the p % of the drawn samples with the lowest entropy; ties by sample."""
    ranked = sorted(drawn, key=lambda i: (entropy[i], i))
    return ranked[: max(1, percent * len(drawn) // 100)]


def mean(values):
    return sum(values) / len(values)


def role_statistics(target, reference, drawn, at_percent):
    """`target` and `reference` are (is_correct, entropy) over samples; `drawn` lists samples."""
    (right, unsure), (reference_right, reference_unsure) = target, reference
    found = {
        "target_accuracy": mean([right[i] for i in drawn]),
        "reference_accuracy": mean([reference_right[i] for i in drawn]),
        "memorized_share": mean([right[i] and not reference_right[i] for i in drawn]),
    }
    found["dejavu_score"] = found["target_accuracy"] - found["reference_accuracy"]
    for percent in at_percent:
        top = most_confident(unsure, drawn, percent)
        own = most_confident(reference_unsure, drawn, percent)
        hits = mean([right[i] for i in top])
        found[f"dejavu_score_at_{percent}"] = hits - mean([reference_right[i] for i in own])
        found[f"at_{percent}_paired"] = hits - mean([reference_right[i] for i in top])
    return found


def confidences(target, reference, drawn):
    """Return the memorization confidences of the memorized among the drawn samples."""
    (right, unsure), (reference_right, reference_unsure) = target, reference
    return [
        round(reference_unsure[i] - unsure[i], 9)
        for i in drawn
        if right[i] and not reference_right[i]
    ]


def shares_above_cut(target, reference, attacked, control, percent):
    """Return the shares of attacked and control samples above the lowest cut that control allows."""
    mine = confidences(target, reference, attacked)
    others = confidences(target, reference, control)
    n_allowed = percent * len(control) // 100
    cut = next(
        c for c in [-math.inf, *sorted(set(others))] if sum(o > c for o in others) <= n_allowed
    )
    return sum(c > cut for c in mine) / len(attacked), sum(o > cut for o in others) / len(control)
