"""The figures behind the answer: plain score, bias, excess and two-model score side by side."""

from collections.abc import Sequence

from dejavu.image.targets import Target
from dejavu.params.report import CaptionHeadline, ImageHeadline
from dejavu.report.calibration import Answer, Calibration
from dejavu.report.caption.records import CaptionResults, Setting, two_model_gaps
from dejavu.report.image.records import ImageResults
from dejavu.report.numbers import Estimate
from dejavu.report.opening import caption_reference, one_model_reference
from dejavu.report.page import charts, formatting, interval_charts
from dejavu.report.page.elements import (
    MOST_NAMED,
    Cell,
    Figure,
    model_title,
    reference_title,
    some_of,
)  # fmt: skip
from dejavu.report.page.marks import Interval
from dejavu.roles import SECOND_MODEL
from dejavu.statistics.adjusted import Difference

_TWO = "two-model score"
_PARTS = {
    "one-model score, plain": charts.PLAIN,
    "on control = its bias": charts.CONTROL,
    "excess": charts.EXCESS,
    _TWO: charts.TWO,
}
_CROSSOVER = "crossover"
_DECIDED = {
    "adjusted excess": charts.EXCESS,
    _CROSSOVER: charts.TWO,
    "gap, no covariates": charts.OTHER,
}
Marks = list[Interval]


def key_figures(
    images: ImageResults,
    captions: CaptionResults,
    heads: Sequence[Target],
    image: ImageHeadline | None,
    caption: CaptionHeadline | None,
) -> list[Figure]:
    """Return one figure per lane that was run."""
    figures = []
    if marks := _image_marks(images, heads[:MOST_NAMED], image):
        title = "Images: what the control set changes"
        title += some_of(min(MOST_NAMED, len(heads)), len(heads), "tables/image_calibration.csv")
        figures.append(_figure("key-image", title, marks))
    if caption and (marks := _caption_marks(captions, Setting.of(caption))):
        figures.append(_figure("key-caption", "Captions: what the control set changes", marks))
    return figures


def decided(run: Calibration) -> list[Figure]:
    """Return the numbers that the verdicts rest on, one figure per lane, the largest excesses first."""
    found = []
    for lane, title in (("image", "Images"), ("caption", "Captions")):
        answers = {target: each for (of, target), each in run.answers.items() if of == lane}
        if marks := [_decided_marks(name, answers[name]) for name in answers]:
            marks.sort(key=lambda own: (-(own[0].value or 0), own[0].name))
            told = some_of(len(marks[:MOST_NAMED]), len(marks), "the table above")
            heading = f"{title}: what the verdicts rest on{told}"
            found.append((f"decided-{lane}", heading, marks[:MOST_NAMED]))
    return [_forest(*each, is_wide=len(found) == 1) for each in found]


def _decided_marks(target: str, answer: Answer) -> Marks:
    """Return the marks of one model, the adjusted excess first; crossover and gap where there are any."""
    crossed = answer.excess.crossover
    found = (answer.excess.adjusted, crossed and crossed.hard, answer.excess.gap)
    return [
        formatting.marked(_estimate(each), name=f"{model_title(target)}|{part}", part=part)
        for part, each in zip(_DECIDED, found, strict=True)
        if isinstance(each, Difference)
    ]


def _estimate(found: Difference) -> Estimate:
    low, high = found.interval()
    return Estimate(value=found.value, low=low, high=high)


def _forest(key: str, title: str, models: Sequence[Marks], *, is_wide: bool) -> Figure:
    marks = [mark for own in models for mark in own]
    parts = {part: color for part, color in _DECIDED.items() if part in {m.part for m in marks}}
    bands = [
        interval_charts.Behind(
            title="interval of the crossover", value=mark.value, low=mark.low,
            high=mark.high, names=tuple(line.name for line in own),
        )
        for own in models
        for mark in own
        if mark.part == _CROSSOVER
        and mark.value is not None and mark.low is not None and mark.high is not None
    ]  # fmt: skip
    said = "; ".join(f"{mark.name.replace('|', ', ')}: {mark.shown}" for mark in marks)
    description = f"{title}. Percentage points with 95 % intervals. {said}."
    drawing = interval_charts.intervals(
        marks, names=[mark.name for mark in marks], parts=parts, axis="percentage points",
        bands=bands, is_printed=True,
    )  # fmt: skip
    return charts.figure(key, title, description, drawing, None, is_wide=is_wide)


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


def _figure(key: str, title: str, marks: Sequence[Interval]) -> Figure:
    names = list(dict.fromkeys(mark.name for mark in marks))
    parts = {part: color for part, color in _PARTS.items() if part in {m.part for m in marks}}
    said = "; ".join(f"{mark.name}, {mark.part}: {mark.shown}" for mark in marks)
    description = f"{title}. Percentage points with 95 % intervals. {said}."
    drawing = interval_charts.intervals(marks, names=names, parts=parts, axis="percentage points")
    table = formatting.grid(
        f"{title}: percentage points with 95 % intervals; exploratory",
        {"test": "text", "what": "text", "value": "number"},
        [(formatting.text(m.name), formatting.text(m.part), Cell(m.shown, m.value)) for m in marks],
        is_open=False,
    )
    return charts.figure(key, title, description, drawing, table)
