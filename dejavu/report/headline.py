"""metrics.json: the few numbers that `dvc metrics diff` compares."""

from collections.abc import Iterable, Sequence

from dejavu.report.numbers import Node
from dejavu.targets import Target

MAX_NUMBERS = 15


def metrics(results: Node, targets: Iterable[Target], top_k: Sequence[int]) -> Node:
    """Return at most fifteen numbers as ``<model>.<number>``.

    Each model gets as many as fit, in this order: excess of the two-model test, excess of the
    classifier, excess of Naive Bayes at the middle K, control score of the two-model test, AUROC of
    planted samples. What a run does not measure is left out.
    """
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
    for target in headline[:MAX_NUMBERS]:
        values = {
            name: results[target.name].get(reference, {}).get(node, {}).get(statistic)
            for name, reference, node, statistic in numbers
        }
        known = {name: value for name, value in values.items() if value is not None}
        n_kept = max(1, MAX_NUMBERS // len(headline))
        found[target.model] = dict(list(known.items())[:n_kept])
    return found
