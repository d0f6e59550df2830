"""The first cards of each model, complete and ready to print: what a reader without JavaScript sees."""

import dataclasses
from collections.abc import Mapping, Sequence

from dejavu.report.gallery.lane import Lane
from dejavu.report.gallery.records import Attacked, CaptionSample, Card, LabelGuess, ObjectGuess
from dejavu.report.gallery.texts import beginning
from dejavu.report.image.tables import in_order
from dejavu.report.numbers import Node

N_SHOWN = 3  # cards of each model


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    """An image of a card, or why it is not there."""

    key: str
    uri: str | None
    reason: str | None

    def node(self) -> Node:
        """Return the image as JSON."""
        return {"key": self.key, "uri": self.uri, "reason": self.reason}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FixedCard:
    """A card as it is printed."""

    card: Card
    name: str
    title: str
    attacked: Attacked
    box: tuple[int, int, int, int] | None
    image: ShownImage | None
    crop: ShownImage | None
    facts: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> list[str]:
        """Return the keys of its images."""
        return [each.key for each in (self.image, self.crop) if each is not None]

    def node(self) -> Node:
        """Return the card for the template."""
        return {
            "kind": "listed as memorized" if self.card.kind == "listed" else "flagged",
            "by": self.card.by,
            "reference": self.card.reference,
            "place": self.card.place,
            "name": self.name,
            "title": self.title,
            "planted": bool(self.attacked.planted),
            "size": list(self.attacked.size),
            "boxes": [list(box) for box in self.attacked.boxes],
            "box": None if self.box is None else list(self.box),
            "image": None if self.image is None else self.image.node(),
            "crop": None if self.crop is None else self.crop.node(),
            "facts": [list(fact) for fact in self.facts],
        }


def cards(
    lanes: Sequence[Lane], uris: Mapping[str, str], missing: Mapping[str, str]
) -> list[FixedCard]:
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
        first = [card for card in lane.cards if card.kind in ("listed", "memorized")]
        with_cards = {card.by for card in first}
        for by in (each for each in lane.searchers if each in with_cards):
            own = [card for card in first if card.by == by]
            if listed := [card for card in own if card.kind == "listed"]:
                found += [_card(lane, card, uris, missing) for card in listed[:N_SHOWN]]
                continue
            references = {card.reference for card in own if card.reference is not None}
            start = lane.start.get("reference")
            reference = start if start in references else in_order(references)[0]
            chosen = [card for card in own if card.reference == reference][:N_SHOWN]
            found += [_card(lane, card, uris, missing) for card in chosen]
    return found


def _card(lane: Lane, card: Card, uris: Mapping[str, str], missing: Mapping[str, str]) -> FixedCard:
    key = card.sample
    sample = lane.samples[key]
    assert sample.attacked is not None  # every card shows a sample that was attacked
    return FixedCard(
        card=card,
        name=sample.name,
        title=beginning(sample.title),
        attacked=sample.attacked,
        box=sample.crop,
        image=_image(key, uris, missing),
        crop=_image(f"{key}x", uris, missing) if sample.crop else None,
        facts=tuple(_facts(lane, card)),
    )


def _image(key: str, uris: Mapping[str, str], missing: Mapping[str, str]) -> ShownImage | None:
    if key in uris:
        return ShownImage(key=key, uri=uris[key], reason=None)
    return ShownImage(key=key, uri=None, reason=missing[key]) if key in missing else None


def _facts(lane: Lane, card: Card) -> list[tuple[str, str]]:
    guesses = lane.guesses.get(card.by, {}).get(card.sample, [])
    told = [
        (each.reference or card.by, _guess(each))
        for each in guesses
        if each.reference in (None, card.reference)
    ]
    sample = lane.samples[card.sample]
    if isinstance(sample, CaptionSample):
        return [("shows", ", ".join(sample.objects)), *told]
    if card.kind == "listed":
        return [*told, ("stands out from control by", f"z = {card.confidence:.2f}")]
    return [*told, ("memorization confidence", _nats(card.confidence))]


def _guess(guess: LabelGuess | ObjectGuess) -> str:
    if isinstance(guess, ObjectGuess):
        return f"{guess.hits} of {guess.n} true objects"
    label = guess.label or ("the true label" if guess.right else "another label")
    return f"{'✓' if guess.right else '✗'} {label}, entropy {_nats(guess.entropy)}"


def _nats(value: float | int | None) -> str:
    return "not known" if value is None else f"{value:.2f} nats"
