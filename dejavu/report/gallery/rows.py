"""Rows of the queries ``gallery_*`` in ``dejavu/sql``, as records."""

import dataclasses
from typing import TypedDict


class ListedBox(TypedDict):
    """A box that the corpus lists, in pixels."""

    x0: int
    y0: int
    x1: int
    y1: int
    label: str | None


class Detection(TypedDict):
    """An object that an annotator found; without corners where it was told elsewhere."""

    object_id: int
    score: float | None
    x0: float | None
    y0: float | None
    x1: float | None
    y1: float | None
    mask_area_px: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class ImageCardRow:
    """Query ``gallery_image_cards``."""

    kind: str
    target: str
    reference: str | None
    other: str | None
    place: int
    sample_id: int
    confidence: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class ImageSampleRow:
    """Query ``gallery_image_samples``."""

    sample_id: int
    is_attacked: bool
    sample_name: str
    uri: str
    width_px: int | None
    height_px: int | None
    label: str | None
    is_planted: bool | None
    boxes: list[ListedBox] | None
    x0: int | None
    y0: int | None
    x1: int | None
    y1: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class ImageGuessRow:
    """Query ``gallery_image_guesses``."""

    target: str
    sample_id: int
    reference: str | None
    predictor: str
    is_correct: bool
    entropy: float | None
    predicted_id: int | None
    predicted: str | None
    p_truth: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class ImageNeighborRow:
    """Query ``gallery_image_neighbors``."""

    predictor: str
    sample_id: int
    rank: int
    neighbor_id: int
    similarity: float
    label_id: int | None
    share: float
    is_shown: bool


@dataclasses.dataclass(frozen=True, slots=True)
class LabelRow:
    """A label by its id."""

    label_id: int
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class TagRow:
    """Query ``gallery_image_tags``."""

    annotator: str
    sample_id: int
    place: int
    tag: str
    score: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionCardRow:
    """Query ``gallery_caption_cards``."""

    kind: str
    target: str
    mode: str
    k: int
    reference: str | None
    other: str | None
    place: int
    sample_id: int
    confidence: float | int | None


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionSampleRow:
    """Query ``gallery_caption_samples``."""

    sample_id: int
    is_attacked: bool
    is_shown: bool
    sample_name: str
    uri: str
    width_px: int | None
    height_px: int | None
    caption: str | None
    is_planted: bool | None
    probabilities: list[float] | None
    object_ids: list[int] | None
    detections: list[Detection] | None


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionGuessRow:
    """Query ``gallery_caption_guesses``."""

    target: str
    mode: str
    k: int
    sample_id: int
    reference: str
    n_objects: int
    target_hits: int
    target_predicted: int
    reference_hits: int
    reference_predicted: int


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionNeighborRow:
    """Query ``gallery_caption_neighbors``."""

    model: str
    mode: str
    sample_id: int
    rank: int
    neighbor_id: int
    similarity: float
    is_shown: bool


@dataclasses.dataclass(frozen=True, slots=True)
class SearcherRow:
    """Table ``caption_references``: which model, searching how, answers for a reference."""

    target: str
    mode: str
    reference: str
    model: str | None  # None: the oracle, which searches nothing
    searched_mode: str | None
