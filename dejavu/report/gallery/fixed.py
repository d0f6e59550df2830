"""The first cards of each model, complete and ready to print: what a reader without JavaScript sees."""

from collections.abc import Mapping, Sequence
from typing import Any

from dejavu.report.gallery.lane import Json, Lane
from dejavu.report.gallery.texts import beginning
from dejavu.report.image.tables import in_order

N_SHOWN = 3  # cards of each model
IMAGES = ("image", "crop")  # parts of a card that hold an image


def cards(lanes: Sequence[Lane], uris: Mapping[str, str], missing: Mapping[str, str]) -> list[Json]:
    """Return the samples of each model that a reader sees first, for the template.

    Those on the list of memorized samples; where none is, those flagged against the reference that a
    reader starts with, or the first in reading order.

    Args:
        lanes: of the galleries.
        uris: images by key.
        missing: why other images are not there.
    """
    found = []
    for lane in lanes:
        first = [card for card in lane.cards if card["kind"] in ("listed", "memorized")]
        with_cards = {card["by"] for card in first}
        for by in (each for each in lane.searchers if each in with_cards):
            own = [card for card in first if card["by"] == by]
            if listed := [card for card in own if card["kind"] == "listed"]:
                found += [_card(lane, card, uris, missing) for card in listed[:N_SHOWN]]
                continue
            references = {card["reference"] for card in own}
            start = lane.start.get("reference")
            reference = start if start in references else in_order(references)[0]
            chosen = [card for card in own if card["reference"] == reference][:N_SHOWN]
            found += [_card(lane, card, uris, missing) for card in chosen]
    return found


def _card(lane: Lane, card: Json, uris: Mapping[str, str], missing: Mapping[str, str]) -> Json:
    key = card["sample"]
    sample = lane.samples[key]
    crop = sample.get("crop")
    return {
        "kind": "listed as memorized" if card["kind"] == "listed" else "flagged",
        "by": card["by"],
        "reference": card["reference"],
        "place": card["place"],
        "name": sample["name"],
        "title": beginning(sample["label"] if lane.name == "image" else sample["caption"]),
        "planted": bool(sample.get("planted")),
        "size": sample["size"],
        "boxes": sample["boxes"],
        "box": crop,
        "image": _image(key, uris, missing),
        "crop": _image(f"{key}x", uris, missing) if crop else None,
        "facts": _image_facts(lane, card) if lane.name == "image" else _caption_facts(lane, card),
    }


def _image(key: str, uris: Mapping[str, str], missing: Mapping[str, str]) -> Json | None:
    if key in uris:
        return {"key": key, "uri": uris[key], "reason": None}
    return {"key": key, "uri": None, "reason": missing[key]} if key in missing else None


def _image_facts(lane: Lane, card: Json) -> list[tuple[str, str]]:
    guesses = lane.guesses.get(card["by"], {}).get(card["sample"], [])
    told = [
        (guess["reference"] or card["by"], _guess(guess))
        for guess in guesses
        if guess["reference"] in (None, card["reference"])
    ]
    if card["kind"] == "listed":
        return [*told, ("stands out from control by", f"z = {card['confidence']:.2f}")]
    return [*told, ("memorization confidence", _nats(card["confidence"]))]


def _guess(guess: Mapping[str, Any]) -> str:
    label = guess["label"] or ("the true label" if guess["right"] else "another label")
    return f"{'✓' if guess['right'] else '✗'} {label}, entropy {_nats(guess['entropy'])}"


def _nats(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f} nats"


def _caption_facts(lane: Lane, card: Json) -> list[tuple[str, str]]:
    guesses = lane.guesses.get(card["by"], {}).get(card["sample"], [])
    told = [
        (guess["reference"] or card["by"], f"{guess['hits']} of {guess['n']} true objects")
        for guess in guesses
        if guess["reference"] in (None, card["reference"])
    ]
    return [("shows", ", ".join(lane.samples[card["sample"]]["objects"])), *told]
