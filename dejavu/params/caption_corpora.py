"""Corpora of captioned images, and the adapter that lists nothing (an unused lane)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dejavu.params.base import Names, Needs, Positive, Section, Share
from dejavu.params.external_files import BelowRoot, CorpusRoot

LEAST_ACCEPTED = 0.02  # share of drawn images with few enough objects; below, drawing takes forever


class NoCorpusParams(Section):
    """The lane is not used: all its tables are empty."""

    adapter: Literal["none"]


class GlyphScenesParams(Section):
    """Generated images of several glyphs with captions; P(object | caption) is known exactly."""

    adapter: Literal["glyph_scenes"]
    max_dropped_share: Share
    n_images: Positive
    n_objects: Annotated[int, Field(ge=2, le=20)]  # size of the vocabulary
    n_scenes: Annotated[int, Field(ge=1, le=5)]
    n_frequent: Annotated[int, Field(ge=1)]  # objects that are frequent in a scene
    frequent_share: Share  # P(object accompanies | scene) of a frequent object
    rare_share: Share  # the same of every other object
    max_objects: Annotated[int, Field(ge=1, le=9)]  # per image, the main object included
    size_px: Annotated[int, Field(ge=48, le=512)]
    planted_share: Share  # samples repeated in training, if their role is trained on

    @model_validator(mode="after")
    def _company_fits(self) -> "GlyphScenesParams":
        if self.n_frequent > self.n_objects:
            raise ValueError(f"n_frequent is {self.n_frequent}, expected at most n_objects")
        shares = sorted(
            [self.frequent_share] * self.n_frequent
            + [self.rare_share] * (self.n_objects - self.n_frequent)
        )
        fits = _at_most(self.max_objects - 1, shares[1:])  # the rest of the worst scene
        if fits < LEAST_ACCEPTED:  # images are drawn until they hold few enough
            raise ValueError(
                f"frequent_share and rare_share put more than max_objects = {self.max_objects} objects into "
                f"all but {fits:.2g} of the images, expected {LEAST_ACCEPTED:g} at least. Lower the shares"
            )
        return self


def _at_most(limit: int, shares: list[float]) -> float:
    """Return the probability that at most `limit` of independent events happen."""
    counts = [1.0] + [0.0] * len(shares)
    for share in shares:
        counts = [
            here * (1 - share) + before * share
            for here, before in zip(counts, [0.0, *counts], strict=False)
        ]
    return sum(counts[: limit + 1])


class CaptionsTableParams(Section):
    """A table of image paths and captions."""

    adapter: Literal["captions_table"]
    max_dropped_share: Share
    root: CorpusRoot  # folder that paths are relative to, relative to machine.data_root
    table: BelowRoot  # .csv, .tsv, .parquet or .jsonl, relative to root
    path_column: str
    caption_column: str


class CocoParams(Section):
    """COCO: captions and instances as JSON; the instances are the objects."""

    needs = Needs(fetch=("coco_captions", "coco_val2017", "coco_train2017"))
    adapter: Literal["coco"]
    max_dropped_share: Share
    root: CorpusRoot  # folder of the images, relative to machine.data_root
    captions: BelowRoot  # captions_*.json, relative to root
    instances: BelowRoot | None  # instances_*.json, relative to root; null: no objects are known
    caption_choice: Literal["first", "longest"]  # of the about five captions of an image


class WebDatasetParams(Section):
    """Tar shards as img2dataset writes them: CC3M, CC12M, YFCC15M, LAION."""

    needs = Needs(hint="shards as the tool img2dataset writes them")
    adapter: Literal["webdataset"]
    max_dropped_share: Share
    root: CorpusRoot  # folder of the shards, relative to machine.data_root
    shards: str  # glob below root, e.g. "*.tar"
    # members tried in this order for the caption: txt, or json's `caption`
    caption_extensions: Names


CaptionCorpus = (
    NoCorpusParams | GlyphScenesParams | CaptionsTableParams | CocoParams | WebDatasetParams
)
