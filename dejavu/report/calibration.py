"""The calibrated answer of a run: excesses of both lanes, and one word per model, decided together."""

import dataclasses
from collections.abc import Mapping

from dejavu.report.caption import adjusted as caption_adjusted
from dejavu.report.caption.adjusted import CalibratedCaptions
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.excess import Excess, excess_node, gate_node
from dejavu.report.image import adjusted as image_adjusted
from dejavu.report.image.adjusted import Calibrated
from dejavu.report.numbers import Node, rounded, significant
from dejavu.report.outside import Pixels
from dejavu.report.settings import ImageSettings
from dejavu.statistics.control_differs import Gate
from dejavu.statistics.verdict import Tested, Verdict, verdicts
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said first about one model under audit."""

    excess: Excess
    verdict: Verdict
    gate: Gate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Everything that rests on the control sets of a run."""

    image: Calibrated | None  # None: the lane is not used, or has no control samples
    caption: CalibratedCaptions | None
    # By lane and target, at the headline layer and metric: the models that are decided on, and the networks
    # that saw target and control alike.
    answers: Mapping[tuple[str, str], Answer]
    negative_controls: Mapping[tuple[str, str], Excess]

    def of(self, lane: str, target: str) -> Answer | None:
        """Return the answer for one model; None where nothing is decided: uncalibrated, or exploratory."""
        return self.answers.get((lane, target))


def calibrate(
    catalog: Catalog,
    image: ImageSettings,
    captions: CaptionSettings,
    *,
    has_image: bool,
    has_captions: bool,
    data_root: str,
) -> Calibration:
    """Estimate every excess, and decide about each target model at its headline layer and metric.

    All models of the run, of both lanes, count as tests together. Other layers, metrics and settings are
    exploratory: they get numbers and no word. A model that saw target and control alike is a negative
    control: it shows false alarms, gets no word, and does not count as a test. Images below `data_root` are
    read for their colors, unless ``report.thumbnails`` is false.
    """
    share = image.report.false_discovery_percent / 100
    pixels = Pixels(data_root=data_root, are_read=image.report.thumbnails)
    of_images = image_adjusted.calibrated(catalog, image, pixels) if has_image else None
    of_captions = (
        caption_adjusted.calibrated(catalog, captions, share, pixels) if has_captions else None
    )
    found: dict[tuple[str, str], tuple[Excess, Gate]] = {}
    if of_images is not None:
        heads = [target.name for target in image.targets if target.is_headline]
        for name in heads:
            if name in of_images.excess:
                found["image", name] = of_images.excess[name], of_images.gate
    if of_captions is not None:
        for name, excess in of_captions.excess.items():
            found["caption", name] = excess, of_captions.gates[name]
    controls = {key: excess for key, (excess, _) in found.items() if excess.is_negative_control}
    tested = {key: each for key, each in found.items() if key not in controls}
    return Calibration(
        image=of_images, caption=of_captions, answers=_answers(tested, image.report.tolerance),
        negative_controls=controls,
    )  # fmt: skip


def _answers(
    found: Mapping[tuple[str, str], tuple[Excess, Gate]], tolerance: float
) -> dict[tuple[str, str], Answer]:
    keys = {"/".join(key): key for key, (excess, _) in found.items() if excess.adjusted}
    tested = {
        name: Tested(hard=excess.adjusted, soft=excess.soft)
        for name, key in keys.items()
        if (excess := found[key][0]).adjusted is not None
    }
    decided = verdicts(
        tested,
        tolerance=tolerance / 100,
        is_control_different={name: found[key][1].is_closed for name, key in keys.items()},
    )
    return {
        keys[name]: Answer(excess=found[keys[name]][0], verdict=verdict, gate=found[keys[name]][1])
        for name, verdict in decided.items()
    }


def calibration_node(found: Calibration) -> Node:
    """Return ``calibrated`` of results.json: lane, target, numbers; the verdict where one is given."""
    lanes = (("image", found.image), ("caption", found.caption))
    return {
        lane: {
            name: excess_node(excess) | _decided_node(found.of(lane, name))
            for name, excess in calibrated.excess.items()
        }
        for lane, calibrated in lanes
        if calibrated is not None
    }


def _decided_node(answer: Answer | None) -> Node:
    if answer is None:
        return {}
    return {"verdict": _verdict_node(answer.verdict), "control_check": gate_node(answer.gate)}


def _verdict_node(verdict: Verdict) -> Node:
    return {
        "word": str(verdict.word),
        "text": verdict.text,
        "p_holm": significant(verdict.p_value),
        "upper": rounded(verdict.upper),
        "n_needed": verdict.n_needed,
    }
