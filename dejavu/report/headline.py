"""metrics.json: the few numbers that `dvc metrics diff` compares, in points and with their intervals."""

import dataclasses
from collections.abc import Iterator, Mapping

from dejavu.params.report import CaptionHeadline
from dejavu.report.calibration import Calibration
from dejavu.report.caption.records import CaptionResults, Setting, two_model_gaps
from dejavu.report.image.records import ImageResults
from dejavu.report.numbers import NOTHING, Estimate, Node
from dejavu.report.opening import caption_reference, image_reference
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL

MAX_VALUES = 24
UNCALIBRATED = "uncalibrated"
_DECIMALS = 4  # of points, as results.json has six of shares


@dataclasses.dataclass(frozen=True, slots=True)
class _Scores:
    """Plain scores of a model on target samples: déjà vu score, or AUCG."""

    lead: Estimate  # against what it opens with
    second: Estimate  # against its second model


def metrics(
    images: ImageResults,
    told: CaptionResults,
    found: Calibration,
    image: ImageSettings,
    captions: CaptionHeadline | None,
) -> Node:
    """Return at most 24 values as ``<model>.<name>``; every number has ``<name>_low`` and ``<name>_high``.

    Each model under audit, at its headline layer and metric, gets its ``verdict`` and ``excess_points``
    (adjusted, 95 % interval); a model without control samples ``score_points`` against the reference of
    ``report.headline``. Where it fits for all of them, ``two_model_points`` follow: the score against the
    second model. A number that the run did not measure is left out; models beyond the limit are, too.

    Args:
        images: what the image lane measured.
        told: what the caption lane measured.
        found: the calibrated answers.
        image: parameters of the image lane.
        captions: what the caption lane opens with.
    """
    scores = {
        place: each
        for place, each in {
            **_image_scores(images, image), **_caption_scores(told, captions),
        }.items()
        if place not in found.negative_controls  # it answers no question about a model
    }  # fmt: skip
    first = {
        name: _answer(found, lane, name) or _uncalibrated(each.lead)
        for (lane, name), each in scores.items()
    }
    second = {name: _numbers("two_model_points", each.second) for (_, name), each in scores.items()}
    n_values = sum(len(numbers) for group in (first, second) for numbers in group.values())
    if n_values <= MAX_VALUES:
        return {name: numbers | second[name] for name, numbers in first.items()}
    return dict(_fitting(first))


def answers(found: Calibration) -> dict[tuple[str, str], Node]:
    """Return what is said of each model that is decided on, by lane and name."""
    return {key: _answer(found, *key) for key in found.answers}


def _fitting(groups: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    n_left = MAX_VALUES
    for name, numbers in groups.items():
        n_left -= len(numbers)
        if n_left < 0:
            return
        yield name, numbers


def _image_scores(results: ImageResults, image: ImageSettings) -> dict[tuple[str, str], _Scores]:
    """Return the scores of every head against what it opens with, and against its second model."""
    found = {}
    for target in image.heads:
        if references := results.get(target.name):
            lead = image_reference(references, image.report.headline.image)
            second = references.get(SECOND_MODEL)
            found["image", target.name] = _Scores(
                references[lead].target.scores.dejavu_score,
                NOTHING if second is None else second.target.scores.dejavu_score,
            )
    return found


def _caption_scores(
    results: CaptionResults, headline: CaptionHeadline | None
) -> dict[tuple[str, str], _Scores]:
    if headline is None or headline.target not in results:
        return {}
    at, found = Setting.of(headline), {}
    for name in sorted(results, key=lambda name: name != headline.target):
        lead = results[name][caption_reference(results[name])].get(at)
        second = two_model_gaps(results[name], at)
        found["caption", name] = _Scores(
            NOTHING if lead is None or lead.target is None else lead.target.gaps.aucg,
            NOTHING if second is None else second.aucg,
        )
    return found


def _answer(found: Calibration, lane: str, name: str) -> Node:
    answer = found.of(lane, name)
    if answer is None or answer.excess.adjusted is None:
        return {}
    excess = answer.excess.adjusted
    low, high = excess.interval()
    numbers = _numbers("excess_points", Estimate(value=excess.value, low=low, high=high))
    return numbers | {"verdict": answer.verdict.text}


def _uncalibrated(score: Estimate) -> Node:
    numbers = _numbers("score_points", score)
    return numbers | {"verdict": UNCALIBRATED} if numbers else {}


def _numbers(name: str, found: Estimate) -> Node:
    values = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return {
        key: round(100 * float(each), _DECIMALS) + 0.0
        for key, each in values.items()
        if each is not None
    }
