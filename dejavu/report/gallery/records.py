"""What the galleries show, one record per thing, and how each enters the page as JSON for its script."""

import dataclasses
from collections.abc import Mapping, Sequence

from dejavu.report.numbers import Node

Corners = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels
Box = tuple[int, int, int, int, str]  # corners, label
Near = tuple[str, float | None]  # key of a sample, similarity


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A sample in one of the lists of a search under audit."""

    lane: str
    kind: str  # listed, memorized, false_alarm, correlation, disagreement
    target: str
    by: str  # the search: a target, or target/mode in the caption lane
    reference: str | None
    other: str | None
    place: int
    sample: str  # its key
    confidence: float | int | None
    mode: str | None = None  # of the caption lane
    k: int | None = None  # of the caption lane

    def node(self) -> Node:
        """Return the card as JSON."""
        found: Node = {
            "lane": self.lane, "kind": self.kind, "target": self.target, "by": self.by,
            "reference": self.reference, "other": self.other, "place": self.place,
            "sample": self.sample, "confidence": self.confidence,
        }  # fmt: skip
        return found if self.mode is None else found | {"mode": self.mode, "k": self.k}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What is known of a sample that was attacked."""

    planted: bool | None
    size: tuple[int | None, int | None]  # width, height in pixels
    boxes: tuple[Box, ...]

    def node(self) -> Node:
        """Return it as JSON."""
        return {
            "planted": self.planted, "size": list(self.size), "boxes": [list(box) for box in self.boxes],
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageSample:
    """A sample of the image lane."""

    sample_id: int
    name: str
    uri: str
    label: str
    attacked: Attacked | None  # None: it is public
    crop: Corners | None = None

    @property
    def title(self) -> str:
        """Return what a card is headed with."""
        return self.label

    def node(self) -> Node:
        """Return the sample as JSON."""
        found: Node = {"name": self.name, "label": self.label}
        if self.attacked is not None:
            found |= self.attacked.node() | {"crop": None if self.crop is None else list(self.crop)}
        return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionSample:
    """A sample of the caption lane."""

    sample_id: int
    name: str
    uri: str
    caption: str
    objects: tuple[str, ...]
    attacked: Attacked | None  # None: it is public

    @property
    def title(self) -> str:
        """Return what a card is headed with."""
        return self.caption

    @property
    def crop(self) -> None:
        """Return no crop: what the adversary holds is the caption."""
        return None

    def node(self) -> Node:
        """Return the sample as JSON."""
        found: Node = {"name": self.name, "caption": self.caption, "objects": list(self.objects)}
        return found if self.attacked is None else found | self.attacked.node()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LabelGuess:
    """The label that a predictor guesses for a crop."""

    reference: str | None  # None: the target itself
    label: str | None  # None: only whether it is right is known
    right: bool
    entropy: float | None  # nats; None: not known
    truth: float | None  # what the true label got, in [0, 1]

    def node(self) -> Node:
        """Return the guess as JSON."""
        return {
            "reference": self.reference, "label": self.label, "right": self.right,
            "entropy": self.entropy, "truth": self.truth,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ObjectGuess:
    """How many true objects a predictor brings back for a caption."""

    reference: str | None  # None: the target itself
    hits: int
    predicted: int
    n: int  # true objects

    def node(self) -> Node:
        """Return the guess as JSON."""
        return {
            "reference": self.reference, "hits": self.hits, "predicted": self.predicted, "n": self.n,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class LabelNeighbors:
    """The nearest public images of a crop, and the share of the votes of every label."""

    near: list[Near] = dataclasses.field(default_factory=list)
    votes: dict[str, float | None] = dataclasses.field(default_factory=dict)

    def node(self) -> Node:
        """Return the neighbors as JSON."""
        return {"near": [list(each) for each in self.near], "votes": self.votes}


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectNeighbors:
    """The nearest public samples of a caption, and which objects all that count show."""

    near: Sequence[Near]
    found: Sequence[str]  # true ones, in the order in which neighbors show them
    wrong: Sequence[str]

    def node(self) -> Node:
        """Return the neighbors as JSON."""
        return {
            "near": [list(each) for each in self.near], "found": list(self.found), "wrong": list(self.wrong),
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The tags of every crop, and which of them each Naive Bayes reference counts."""

    tags: Mapping[str, Mapping[str, Sequence[str]]]  # annotator -> key -> tags, best first
    counted: Mapping[str, tuple[str, int]]  # reference -> annotator, number of tags

    def node(self) -> Node:
        """Return the evidence as JSON."""
        return {
            "tags": self.tags, "counted": {name: list(each) for name, each in self.counted.items()},
        }  # fmt: skip


Sample = ImageSample | CaptionSample
Guess = LabelGuess | ObjectGuess
Neighbors = LabelNeighbors | ObjectNeighbors
