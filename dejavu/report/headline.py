"""metrics.json: the few numbers that `dvc metrics diff` compares."""

from collections.abc import Sequence

from dejavu.params.report import CaptionHeadline
from dejavu.report.numbers import Node
from dejavu.report.opening import caption_reference, image_reference
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL

MAX_NUMBERS = 15


def metrics(results: Node, image: ImageSettings, captions: CaptionHeadline | None) -> Node:
    """Return at most fifteen numbers as ``<model>.<number>``.

    The caption lane gives the calibrated gaps of the one-model test and the gaps of the two-model test
    for its headline setting. Each image model gets as many of the rest as fit, in this order: excess against
    the reference of ``report.headline``, excess against each reference of ``image.score.consensus_of``,
    control score against the headline's reference, AUROC of planted samples against it. What a run does not
    measure is left out.

    Args:
        results: ``image`` and ``caption`` of results.json.
        image: parameters of the image lane.
        captions: what the caption lane opens with.
    """
    told = _caption_metrics(results.get("caption", {}), captions)
    n_left = MAX_NUMBERS - sum(len(numbers) for numbers in told.values())
    return _image_metrics(results.get("image", {}), image, n_left) | told


def _caption_metrics(results: Node, headline: CaptionHeadline | None) -> Node:
    if headline is None or headline.target not in results:
        return {}
    references = results[headline.target]
    reference = caption_reference(references)
    wanted = [
        (f"excess_{score}_{reference}", reference, "excess", score) for score in ("ppg", "prg")
    ] + [(f"{score}_{SECOND_MODEL}", SECOND_MODEL, "target", score) for score in ("ppg", "prg")]
    found = {
        name: references.get(who, {})
        .get(headline.mode, {})
        .get(f"k={headline.k}", {})
        .get(f"top={headline.top}", {})
        .get(role, {})
        .get(score)
        for name, who, role, score in wanted
    }
    return {headline.target: {name: value for name, value in found.items() if value is not None}}


def _image_metrics(results: Node, image: ImageSettings, n_left: int) -> Node:
    heads = [target for target in image.heads if target.name in results]
    return {
        target.model: dict(
            _image_numbers(results[target.name], image)[: max(1, n_left // len(heads))]
        )
        for target in heads[:n_left]
    }


def _image_numbers(references: Node, image: ImageSettings) -> Sequence[tuple[str, float]]:
    """Return the numbers of one model, the most telling first."""
    lead = image_reference(references, image.report.headline.image)
    others = [name for name in image.score.consensus_of if name != lead]
    wanted = [(f"excess_{_key(name)}", name, "excess", "dejavu_score") for name in (lead, *others)]
    wanted += [
        (f"control_{_key(lead)}", lead, "control", "dejavu_score"),
        ("planted_auroc", lead, "target", "planted_auroc"),
    ]
    values = (
        (name, references.get(reference, {}).get(part, {}).get(statistic))
        for name, reference, part, statistic in wanted
    )
    return [(name, value) for name, value in values if value is not None]


def _key(reference: str) -> str:
    """Return a reference as part of a metric's name.

    >>> _key("naive_bayes@5")
    'naive_bayes_5'
    """
    return reference.replace("@", "_")
