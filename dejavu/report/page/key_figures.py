"""The figures behind the answer: plain score, bias, excess and two-model score side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from dejavu.image.targets import Target
from dejavu.params.report import CaptionHeadline, ImageHeadline
from dejavu.report.caption.records import CaptionResults, Setting, two_model_gaps
from dejavu.report.image.records import ImageResults
from dejavu.report.numbers import Estimate
from dejavu.report.opening import caption_reference, one_model_reference
from dejavu.report.page import charts, formatting
from dejavu.report.page.elements import Cell, Figure, model_title, reference_title
from dejavu.roles import SECOND_MODEL

_TWO = "two-model score"
_PARTS = {
    "one-model score, plain": charts.PLAIN,
    "on control = its bias": charts.CONTROL,
    "excess": charts.EXCESS,
    _TWO: charts.TWO,
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
