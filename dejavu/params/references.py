"""Sections ``image.annotators``, ``image.naive_bayes`` and ``image.classifiers``: one-model references."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from dejavu.params.annotators import DeticParams, GroundedSamParams, TaggerParams
from dejavu.params.base import Positive, Positives, Section, Share
from dejavu.params.external_files import File
from dejavu.params.names import Name

AreaShare = Annotated[float, Field(gt=0, le=1)]
Inner = Annotated[float, Field(gt=0, lt=1)]


class CorpusAnnotatorParams(Section):
    """The corpus' own truth: tags that are right by construction."""

    source: Literal["corpus"]


class VisualWordsParams(Section):
    """Patch words clustered on crops of the reference role; needs no weights."""

    source: Literal["visual_words"]
    n_words: Positive  # clusters, at most one tag each
    patch_px: Positive  # side of the square patches
    stride_px: Positive  # distance between neighboring patches
    ignore_orientation: bool  # turn and mirror patches to one standard orientation
    color_weight: Annotated[float, Field(ge=0)]  # of the mean color beside the unit-length pattern
    n_training_patches: Positive  # patches the clusters are fitted on, over all reference crops
    max_side_px: Positive  # larger crops are scaled down until their longer side is this
    max_tags: Positive  # tags kept per crop, best first


class TagTableParams(Section):
    """Tags of the crops that were made elsewhere, in the format that dejavu.annotators.tables states."""

    source: Literal["table"]
    path: File  # relative to machine.data_root; Parquet, JSONL or CSV
    min_score: Share  # tags below it are ignored
    max_tags: Positive  # tags kept per crop, best first
    allow_missing: bool  # false: a kept crop without a row is an error; true: it has no tags


AnnotatorSource = Annotated[
    CorpusAnnotatorParams
    | VisualWordsParams
    | TagTableParams
    | TaggerParams
    | GroundedSamParams
    | DeticParams,
    Field(discriminator="source"),
]


class AnnotatorParams(RootModel[AnnotatorSource]):
    """One entry of ``image.annotators``; `root` holds the settings of its source."""


Annotators = dict[Name, AnnotatorParams]  # {}: no crop is tagged


class NaiveBayesParams(Section):
    """How tags become a guess (paper, section 3.2, "Naive Bayes classifier")."""

    top_k: Positives  # tags of highest score that count; one predictor each
    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)]  # added to class-conditional counts
    formula: Literal["bayes", "product_of_posteriors"]  # the paper's, or the released code's


class ClassifierParams(Section):
    """A network that guesses the label from the crop (paper, section 3.2)."""

    architecture: str  # name of a backbone
    width: Positive  # channels of its first block, for backbones of free width
    epochs: Positive  # passes over the crops it trains on
    batch_size: Positive  # crops
    image_px: Positive  # crops become squares of this side; guesses are made from them
    resize: Literal["squash", "mirror"]  # how: scale both sides, or mirror the shorter one first
    view_px: Positive  # side of the random views it trains on
    optimizer: Literal["lars", "adamw"]
    learning_rate: Annotated[float, Field(gt=0)]  # at its highest, after the warm-up
    weight_decay: Annotated[float, Field(ge=0)]
    min_crop_scale: AreaShare  # smallest share of the square that a random view shows
    max_crop_scale: AreaShare  # largest share
    color_jitter: Share  # strength of brightness, contrast and saturation changes
    held_out_share: Inner  # probability that a reference crop is spared from training


Classifiers = dict[Name, ClassifierParams]
