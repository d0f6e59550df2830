"""The answer: one card per model, and the image of plain score, bias, excess and two-model score."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dejavu.image.targets import Target
from dejavu.params.report import CaptionHeadline, ImageHeadline
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.image.tables import in_order
from dejavu.report.numbers import Node
from dejavu.report.opening import caption_reference, image_reference, one_model_reference
from dejavu.report.page import charts, formatting
from dejavu.report.page.elements import Cell, Figure, model_title, objects_title, reference_title
from dejavu.report.settings import ImageSettings
from dejavu.report.verdict import verdict
from dejavu.roles import SECOND_MODEL, TEXT_MODEL

_PARTS = {
    "one-model score, plain": charts.PLAIN,
    "on control = its bias": charts.CONTROL,
    "excess": charts.EXCESS,
    "two-model score": charts.TWO,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is said about one model first."""

    title: str
    subtitle: str
    verdict: str
    tone: str  # good, warn, bad or plain: the color of the verdict
    numbers: tuple[tuple[str, str, str], ...]  # value, interval, name
    sentence: str
    facts: tuple[tuple[str, str], ...]  # term, value


def image_card(target: Target, references: Node, headline: ImageHeadline | None) -> Card:
    """Return the card of one image model, from ``image.<target>`` of results.json."""
    reference = image_reference(references, headline)
    node = references[reference]
    is_calibrated = "excess" in node
    main = node["excess"] if is_calibrated else node["target"]
    word, tone = verdict(main.get("dejavu_score_ci95"), is_calibrated=is_calibrated)
    n = formatting.grouped(node["target"]["n"])
    title = model_title(target.model)
    value = formatting.interval(main, "dejavu_score", sign=False)
    shown, _, rest = value.partition(" ")
    of = f"of the {n} audited images"
    control = formatting.interval(node.get("control", {}), "dejavu_score", sign=False)
    if not is_calibrated:
        sentence = (
            f"{title} names the hidden object of {shown}\u00a0% {rest} {of} more than "
            f"{_against(reference)} does. Without control samples the bias of this test is unknown."
        )
    elif tone == "bad":
        sentence = (
            f"{title} memorized {shown}\u00a0% {rest} {of} beyond correlation; "
            f"control {control}\u00a0%."
        )
    else:
        sentence = (
            f"Memorization beyond correlation is not shown for {title}: {shown}\u00a0% {rest} {of}; "
            f"control {control}\u00a0%."
        )
    return Card(
        title=title,
        subtitle=f"{target.layer}, {target.metric}, against {_against(reference)}",
        verdict=word,
        tone=tone,
        numbers=((f"{shown} %", rest, "excess" if is_calibrated else "plain score"),),
        sentence=sentence,
        facts=tuple(_image_facts(references, reference, node)),
    )


def _against(reference: str) -> str:
    known = {SECOND_MODEL: "a second model", TEXT_MODEL: "a text model"}
    return known.get(reference, f"“{reference_title(reference)}”")


def _image_facts(references: Node, reference: str, node: Node) -> list[tuple[str, str]]:
    facts = [("score on target", f"{formatting.interval(node['target'], 'dejavu_score')} points")]
    if "control" not in node:
        return facts
    n = formatting.grouped(node["control"]["n"])
    facts.append(
        (
            f"score on {n} control = bias",
            f"{formatting.interval(node['control'], 'dejavu_score')} points",
        )
    )
    others = [
        name for name in in_order(references) if name != reference and "excess" in references[name]
    ]
    for role, title in (("target", "plain scores"), ("excess", "excesses")):
        if found := [references[name][role]["dejavu_score"] for name in others]:
            spread = f"{formatting.signed(min(found))} to {formatting.signed(max(found))} points"
            facts.append((f"{title} with {len(others)} other references", spread))
    if node["excess"].get("estimated_precision") is not None:
        n_memorized = node["target"]["n_memorized"]
        facts.append(
            (
                f"listed as memorized: {formatting.grouped(n_memorized)}; of these, not by chance",
                f"{formatting.interval(node['excess'], 'estimated_precision', sign=False, decimals=0)} %",
            )
        )
    return facts


def caption_card(target: str, references: Node, headline: CaptionHeadline) -> Card | None:
    """Return the card of one captioned model, from ``caption.<target>`` of results.json."""
    reference = caption_reference(references)
    mode, k, top = headline.mode, headline.k, str(headline.top)
    node = at(references, reference, mode, k, top)
    if "target" not in node:
        return None
    is_calibrated = "excess" in node
    main = node["excess"] if is_calibrated else node["target"]
    word, tone = verdict(main.get("ppg_ci95"), is_calibrated=is_calibrated)
    recall_word, recall_tone = verdict(main.get("prg_ci95"), is_calibrated=is_calibrated)
    if recall_tone == "bad":
        word, tone = recall_word, recall_tone
    n = formatting.grouped(node["target"]["n"])
    ppg, prg = (
        formatting.interval(main, name, sign=False).partition(" ") for name in ("ppg", "prg")
    )
    title = model_title(target)
    net = (
        f"more precisely in a net {ppg[0]}\u00a0% {ppg[2]} and more completely in a net "
        f"{prg[0]}\u00a0% {prg[2]} of the {n} audited captions"
    )
    recalls = f"From a caption alone, {title} recalls the objects of the image it was trained on"
    control = node.get("control", {})
    known = (
        f"control {formatting.interval(control, 'ppg', sign=False)}\u00a0% and "
        f"{formatting.interval(control, 'prg', sign=False)}\u00a0%."
    )
    if not is_calibrated:
        sentence = f"{recalls} {net}. Without control samples the bias of this test is unknown."
    elif tone == "bad":
        sentence = f"{recalls} {net}, beyond correlation; {known}"
    else:
        sentence = f"Memorization beyond correlation is not shown for {title}: {net}; {known}"
    return Card(
        title=title,
        subtitle=f"{mode}, K = {k}, {objects_title(top)}, against {_against(reference)}",
        verdict=word,
        tone=tone,
        numbers=(
            (f"{ppg[0]} %", ppg[2], "PPG, excess" if is_calibrated else "PPG, plain"),
            (f"{prg[0]} %", prg[2], "PRG, excess" if is_calibrated else "PRG, plain"),
        ),
        sentence=sentence,
        facts=tuple(_caption_facts(node, at(references, SECOND_MODEL, mode, k, top))),
    )


def at(references: Node, reference: str, mode: str, k: int, top: str) -> Node:
    """Return the node of one comparison; empty where it was not made."""
    node = references.get(reference, {})
    for key in (mode, f"k={k}", f"top={top}"):
        node = node.get(key, {})
    return node


def _caption_facts(node: Node, second: Node) -> list[tuple[str, str]]:
    facts = []
    for name in ("ppg", "prg"):
        upper = name.upper()
        facts.append(
            (f"{upper} on target, plain", f"{formatting.interval(node['target'], name)} %")
        )
        if "control" in node:
            n = formatting.grouped(node["control"]["n"])
            facts.append(
                (
                    f"{upper} on {n} control = bias",
                    f"{formatting.interval(node['control'], name)} %",
                )
            )
        if "target" in second:
            facts.append(
                (f"{upper} of two models", f"{formatting.interval(second['target'], name)} %")
            )
    return facts


def key_images(
    results: Node, heads: Sequence[Target], image: ImageSettings, captions: CaptionSettings
) -> list[Figure]:
    """Return plain score, bias, excess and two-model score side by side, one figure per lane."""
    figures = []
    if marks := _image_marks(results["image"], heads, image.report.headline.image):
        figures.append(
            _image("key-image", "Images: what the control set changes", marks, "percentage points")
        )
    if captions.headline and (marks := _caption_marks(results["caption"], captions.headline)):
        figures.append(
            _image(
                "key-caption", "Captions: what the control set changes", marks, "percentage points"
            )
        )
    return figures


def _image_marks(
    results: Node, heads: Sequence[Target], headline: ImageHeadline | None
) -> list[dict[str, Any]]:
    marks = []
    for target in heads:
        references = results.get(target.name, {})
        one, name = one_model_reference(references, headline), model_title(target.model)
        if one is not None:
            name = f"{name} / {reference_title(one)}"
            marks += _four(references[one], "dejavu_score", name)
        if SECOND_MODEL in references:
            second = references[SECOND_MODEL]["target"]
            marks.append(
                formatting.marked(second, "dejavu_score", name=name, part="two-model score")
            )
    return marks


def _four(node: Node, score: str, name: str) -> list[dict[str, Any]]:
    roles = {
        "target": "one-model score, plain",
        "control": "on control = its bias",
        "excess": "excess",
    }
    return [
        formatting.marked(node[role], score, name=name, part=part)
        for role, part in roles.items()
        if role in node
    ]


def _caption_marks(results: Node, headline: CaptionHeadline) -> list[dict[str, Any]]:
    mode, k, top = headline.mode, headline.k, str(headline.top)
    marks = []
    for target, references in results.items():
        reference = caption_reference(references)
        for score in ("ppg", "prg"):
            name = f"{model_title(target)}, {score.upper()}"
            if reference != SECOND_MODEL:
                marks += _four(at(references, reference, mode, k, top), score, name)
            second = at(references, SECOND_MODEL, mode, k, top)
            if "target" in second:
                marks.append(
                    formatting.marked(second["target"], score, name=name, part="two-model score")
                )
    return marks


def _image(key: str, title: str, marks: list[dict[str, Any]], axis: str) -> Figure:
    names = list(dict.fromkeys(mark["name"] for mark in marks))
    parts = {part: color for part, color in _PARTS.items() if part in {m["part"] for m in marks}}
    said = "; ".join(f"{mark['name']}, {mark['part']}: {mark['shown']}" for mark in marks)
    description = f"{title}. Percentage points with 95 % intervals. {said}."
    drawing = charts.intervals(marks, names=names, parts=parts, axis=axis)
    table = formatting.grid(
        f"{title}: percentage points with 95 % intervals",
        {"test": "text", "what": "text", "value": "number"},
        [
            (formatting.text(m["name"]), formatting.text(m["part"]), Cell(m["shown"], m["value"]))
            for m in marks
        ],
        is_open=False,
    )
    return charts.figure(key, title, description, drawing, table)
