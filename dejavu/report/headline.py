"""metrics.json: the few numbers that `dvc metrics diff` compares."""

from collections.abc import Iterable, Sequence

from dejavu.image.targets import Target
from dejavu.report.caption.summary import headline_reference
from dejavu.report.numbers import Node
from dejavu.roles import SECOND_MODEL

MAX_NUMBERS = 15


def metrics(
    results: Node,
    targets: Iterable[Target],
    top_k: Sequence[int],
    captions: tuple[str, str, int] | None,
) -> Node:
    """Return at most fifteen numbers as ``<model>.<number>``.

    The caption lane gives the calibrated gaps of the one-model test and the gaps of the two-model test
    for its headline setting. Each image model gets as many of the rest as fit, in this order: excess of
    the two-model test, excess of the classifier, excess of Naive Bayes at the middle K, control score of
    the two-model test, AUROC of planted samples. What a run does not measure is left out.

    Args:
        results: ``image`` and ``caption`` of results.json.
        targets: image targets.
        top_k: tags that Naive Bayes counts.
        captions: target, mode and k that the caption lane opens with.
    """
    told = _caption_metrics(results.get("caption", {}), captions)
    n_left = MAX_NUMBERS - sum(len(numbers) for numbers in told.values())
    return _image_metrics(results.get("image", {}), targets, top_k, n_left) | told


def _caption_metrics(results: Node, headline: tuple[str, str, int] | None) -> Node:
    if headline is None or headline[0] not in results:
        return {}
    target, mode, k = headline
    references = results[target]
    reference = headline_reference(references)
    wanted = [
        (f"excess_{score}_{reference}", reference, "excess", score) for score in ("ppg", "prg")
    ] + [(f"{score}_{SECOND_MODEL}", SECOND_MODEL, "target", score) for score in ("ppg", "prg")]
    found = {
        name: references.get(who, {})
        .get(mode, {})
        .get(f"k={k}", {})
        .get("top=all", {})
        .get(role, {})
        .get(score)
        for name, who, role, score in wanted
    }
    return {target: {name: value for name, value in found.items() if value is not None}}


def _image_metrics(
    results: Node, targets: Iterable[Target], top_k: Sequence[int], n_left: int
) -> Node:
    headline = [target for target in targets if target.is_headline and target.name in results]
    k = 5 if 5 in top_k else sorted(top_k)[len(top_k) // 2] if top_k else None
    numbers = [
        ("excess_second_model", "second_model", "excess", "dejavu_score"),
        ("excess_classifier", "classifier", "excess", "dejavu_score"),
        (f"excess_naive_bayes_{k}", f"naive_bayes@{k}", "excess", "dejavu_score"),
        ("control_second_model", "second_model", "control", "dejavu_score"),
        ("planted_auroc", "second_model", "target", "planted_auroc"),
    ]
    found: Node = {}
    for target in headline[:n_left]:
        values = {
            name: results[target.name].get(reference, {}).get(node, {}).get(statistic)
            for name, reference, node, statistic in numbers
        }
        known = {name: value for name, value in values.items() if value is not None}
        n_kept = max(1, n_left // len(headline))
        found[target.model] = dict(list(known.items())[:n_kept])
    return found
