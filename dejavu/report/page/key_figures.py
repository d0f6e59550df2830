"""The figures behind the answer: plain score, bias, excess and two-model score side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from dejavu.image.targets import Target
from dejavu.params.report import CaptionHeadline, ImageHeadline
from dejavu.report.calibration import Answer, Calibration
from dejavu.report.caption.records import CaptionResults, Setting, two_model_gaps
from dejavu.report.image.records import ImageResults
from dejavu.report.numbers import Estimate
from dejavu.report.opening import caption_reference, one_model_reference
from dejavu.report.page import charts, formatting
from dejavu.report.page.elements import Cell, Figure, model_title, reference_title
from dejavu.roles import SECOND_MODEL
from dejavu.statistics.adjusted import Difference

_TWO = "two-model score"
_PARTS = {
    "one-model score, plain": charts.PLAIN,
    "on control = its bias": charts.CONTROL,
    "excess": charts.EXCESS,
    _TWO: charts.TWO,
}
_DECIDED = {
    "adjusted excess": charts.EXCESS,
    "crossover": charts.TWO,
    "gap, without covariates": charts.PLAIN,
}
Marks = list[dict[str, Any]]


def key_figures(
    images: ImageResults,
    captions: CaptionResults,
    heads: Sequence[Target],
    image: ImageHeadline | None,
    caption: CaptionHeadline | None,
) -> list[Figure]:
    """Return one figure per lane that was run."""
    figures = []
    if marks := _image_marks(images, heads, image):
        figures.append(_figure("key-image", "Images: what the control set changes", marks))
    if caption and (marks := _caption_marks(captions, Setting.of(caption))):
        figures.append(_figure("key-caption", "Captions: what the control set changes", marks))
    return figures


def decided(found: Calibration) -> list[Figure]:
    """Return the numbers that the verdicts rest on, one figure per lane, the largest first."""
    figures = []
    for lane, title in (("image", "Images"), ("caption", "Captions")):
        answers = {target: each for (of, target), each in found.answers.items() if of == lane}
        marks = [mark for name in answers for mark in _decided_marks(name, answers[name])]
        if marks:
            ranked = sorted(marks, key=lambda mark: (-_largest(marks, mark["name"]), mark["name"]))
            figures.append(
                _forest(f"decided-{lane}", f"{title}: what the verdicts rest on", ranked)
            )
    return figures


def _largest(marks: Marks, name: str) -> float:
    return max(float(mark["value"]) for mark in marks if mark["name"] == name)


def _decided_marks(target: str, answer: Answer) -> Marks:
    crossed = answer.excess.crossover
    found = (answer.excess.adjusted, crossed and crossed.hard, answer.excess.gap)
    return [
        formatting.marked(_estimate(each), name=model_title(target), part=part)
        for part, each in zip(_DECIDED, found, strict=True)
        if isinstance(each, Difference)
    ]


def _estimate(found: Difference) -> Estimate:
    low, high = found.interval()
    return Estimate(value=found.value, low=low, high=high)


def _forest(key: str, title: str, marks: Marks) -> Figure:
    parts = {part: color for part, color in _DECIDED.items() if part in {m["part"] for m in marks}}
    said = "; ".join(f"{mark['name']}, {mark['part']}: {mark['shown']}" for mark in marks)
    description = f"{title}. Percentage points with 95 % intervals. {said}."
    lines = [mark | {"name": f"{mark['name']}, {mark['part']}|{mark['shown']}"} for mark in marks]
    drawing = charts.intervals(
        lines, names=[line["name"] for line in lines], parts=parts, axis="percentage points"
    )
    return charts.figure(key, title, description, drawing, None, is_wide=True)


def _image_marks(
    results: ImageResults, heads: Sequence[Target], headline: ImageHeadline | None
) -> Marks:
    marks: Marks = []
    for target in heads:
        references = results.get(target.name, {})
        one, name = one_model_reference(references, headline), model_title(target.model)
        if one is not None:
            name = f"{name} / {reference_title(one)}"
            each = references[one]
            marks += _parts(
                name,
                each.target.scores.dejavu_score,
                None if each.control is None else each.control.scores.dejavu_score,
                None if each.excess is None else each.excess.scores.dejavu_score,
            )
        if SECOND_MODEL in references:
            second = references[SECOND_MODEL].target.scores.dejavu_score
            marks.append(formatting.marked(second, name=name, part=_TWO))
    return marks


def _parts(name: str, *found: Estimate | None) -> Marks:
    """Return the marks of plain score, bias and excess, those that exist."""
    return [
        formatting.marked(each, name=name, part=part)
        for part, each in zip(_PARTS, found, strict=False)
        if each is not None
    ]


def _caption_marks(results: CaptionResults, at: Setting) -> Marks:
    marks: Marks = []
    for target, references in results.items():
        reference = caption_reference(references)
        each, second = references[reference].get(at), two_model_gaps(references, at)
        for gap in ("ppg", "prg"):
            name = f"{model_title(target)}, {gap.upper()}"
            if reference != SECOND_MODEL and each is not None:
                found = (each.target, each.control, each.excess)
                marks += _parts(
                    name, *(None if role is None else role.gaps.by_name()[gap] for role in found)
                )
            if second is not None:
                marks.append(formatting.marked(second.by_name()[gap], name=name, part=_TWO))
    return marks


def _figure(key: str, title: str, marks: Sequence[Mapping[str, Any]]) -> Figure:
    names = list(dict.fromkeys(mark["name"] for mark in marks))
    parts = {part: color for part, color in _PARTS.items() if part in {m["part"] for m in marks}}
    said = "; ".join(f"{mark['name']}, {mark['part']}: {mark['shown']}" for mark in marks)
    description = f"{title}. Percentage points with 95 % intervals. {said}."
    drawing = charts.intervals(marks, names=names, parts=parts, axis="percentage points")
    table = formatting.grid(
        f"{title}: percentage points with 95 % intervals; exploratory",
        {"test": "text", "what": "text", "value": "number"},
        [
            (formatting.text(m["name"]), formatting.text(m["part"]), Cell(m["shown"], m["value"]))
            for m in marks
        ],
        is_open=False,
    )
    return charts.figure(key, title, description, drawing, table)
