"""What an adapter yields for each sample, and what an adapter is."""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

NOT_ANNOTATED = "not_annotated"  # a problem: nobody said what the image shows
Number = int | float  # a corner may have a fraction; NaN: the corpus states one that cannot be read


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """An object's rectangle as the corpus states it: pixels, x1 and y1 excluded, not yet clamped."""

    x0: Number
    y0: Number
    x1: Number
    y1: Number
    label: str | None = None  # name of the object in the box
    row: int | None = dataclasses.field(default=None, compare=False)  # of the file that states it

    @property
    def corners(self) -> tuple[Number, Number, Number, Number]:
        """x0, y0, x1 and y1."""
        return self.x0, self.y0, self.x1, self.y1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What only a generated corpus knows about a sample."""

    scene: str
    attributes: tuple[str, ...]  # true tags of the background, most salient first
    is_planted: bool
    probabilities: tuple[float, ...]  # mu(t|v); index: label_id, or object names in order


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a listing says of an image that nobody can open here; None where it says nothing."""

    width_px: int | None
    height_px: int | None
    content_hash: str | None  # 16 hex digits of SHA-256 of the encoded image
    perceptual_hash: int | None  # 64 bits, as a signed integer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One sample as its corpus lists it."""

    name: str  # unique in the corpus, and the same when samples are added
    uri: str | None = None  # where the image is; None for an embedded corpus
    image: bytes | None = None  # the encoded image; only of an embedded corpus
    label_id: int | None = None  # index into the corpus' labels
    caption: str | None = None
    boxes: tuple[Box, ...] = ()
    boxes_px: tuple[int, int] | None = None  # width, height that boxes refer to; None: the image's
    boxes_from: str | None = None  # the file that states them, for messages
    truth: Truth | None = None
    stated: Stated | None = None  # only where there are no images to look at
    knows_objects: bool = True  # False: others of the corpus are annotated, and this sample is not
    problem: str | None = None  # why the sample is unusable, where the listing already says so


class Corpus(Protocol):
    """Lists the samples of one corpus. Opening and judging the images is not its business."""

    labels: tuple[str, ...]  # names by label_id; empty where samples have no label
    root: str | None  # folder that uris are relative to; None: the images are in the records

    def records(self) -> Iterator[Record]:
        """Yield every sample, in an order that depends on nothing but the corpus."""
        ...
