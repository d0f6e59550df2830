"""metrics.json: the few numbers that `dvc metrics diff` compares, in points and with their intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

from dejavu.params.report import CaptionHeadline
from dejavu.report.calibration import Calibration
from dejavu.report.numbers import Node
from dejavu.report.opening import caption_reference, image_reference
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL

MAX_VALUES = 24
UNCALIBRATED = "uncalibrated"
_DECIMALS = 4  # of points, as results.json has six of shares
_SCORE = {"image": "dejavu_score", "caption": "aucg"}


def metrics(
    results: Node, found: Calibration, image: ImageSettings, captions: CaptionHeadline | None
) -> Node:
    """Return at most 24 values as ``<model>.<name>``; every number has ``<name>_low`` and ``<name>_high``.

    Each model under audit, at its headline layer and metric, gets its ``verdict`` and ``excess_points``
    (adjusted, 95 % interval); a model without control samples ``score_points`` against the reference of
    ``report.headline``. Where it fits for all of them, ``two_model_points`` follow: the score against the
    second model. A number that the run did not measure is left out; models beyond the limit are, too.

    Args:
        results: ``image`` and ``caption`` of results.json.
        found: the calibrated answers.
        image: parameters of the image lane.
        captions: what the caption lane opens with.
    """
    scores = {**_image_scores(results, image), **_caption_scores(results, captions)}
    first = {
        name: _answer(found, lane, name) or _score("score_points", lane, scores_of["lead"])
        for (lane, name), scores_of in scores.items()
    }
    second = {
        name: _score("two_model_points", lane, scores_of.get(SECOND_MODEL, {}))
        for (lane, name), scores_of in scores.items()
    }
    n_values = sum(len(numbers) for group in (first, second) for numbers in group.values())
    if n_values <= MAX_VALUES:
        return {name: numbers | second[name] for name, numbers in first.items()}
    return dict(_fitting(first))


def _fitting(groups: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    n_left = MAX_VALUES
    for name, numbers in groups.items():
        n_left -= len(numbers)
        if n_left < 0:
            return
        yield name, numbers


def _image_scores(results: Node, image: ImageSettings) -> dict[tuple[str, str], Node]:
    """Return the scores of every head against what it opens with, and against its second model."""
    found = {}
    for target in image.heads:
        if references := results.get("image", {}).get(target.name):
            lead = image_reference(references, image.report.headline.image)
            wanted = {"lead": lead, SECOND_MODEL: SECOND_MODEL}
            found["image", target.name] = {
                name: references.get(reference, {}).get("target", {})
                for name, reference in wanted.items()
            }
    return found


def _caption_scores(results: Node, headline: CaptionHeadline | None) -> dict[tuple[str, str], Node]:
    measured = results.get("caption", {})
    if headline is None or headline.target not in measured:
        return {}

    def at_headline(by_mode: Mapping[str, Any]) -> Node:
        by_k = by_mode.get(headline.mode, {}).get(f"k={headline.k}", {})
        return by_k.get(f"top={headline.top}", {}).get("target", {})

    return {
        ("caption", name): {
            "lead": at_headline(references[caption_reference(references)]),
            SECOND_MODEL: at_headline(references.get(SECOND_MODEL, {})),
        }
        for name, references in sorted(
            measured.items(), key=lambda each: each[0] != headline.target
        )
    }


def _answer(found: Calibration, lane: str, name: str) -> Node:
    answer = found.of(lane, name)
    if answer is None or answer.excess.adjusted is None:
        return {}
    excess = answer.excess.adjusted
    bounds = excess.interval()
    return _numbers("excess_points", excess.value, bounds) | {"verdict": answer.verdict.text}


def _score(name: str, lane: str, node: Node) -> Node:
    value = node.get(_SCORE[lane])
    if value is None:
        return {}
    numbers = _numbers(name, value, node.get(f"{_SCORE[lane]}_ci95"))
    return numbers | ({"verdict": UNCALIBRATED} if name == "score_points" else {})


def _numbers(name: str, value: float, bounds: tuple[float, float] | list[float] | None) -> Node:
    values = {name: value}
    if bounds is not None:
        values |= {f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
    return {key: round(100 * float(each), _DECIMALS) + 0.0 for key, each in values.items()}
