"""Sections ``image.score`` and ``report``: which comparisons are made, and how they are reported."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from dejavu.params.base import Positive, Section
from dejavu.params.caption import Mode
from dejavu.params.names import Name, Reference, References
from dejavu.roles import CONSENSUS, ORACLE, SECOND_MODEL

Percent = Annotated[int, Field(ge=1, le=100)]
FalseDiscoveryPercent = Annotated[int, Field(ge=1, le=50)]
Percents = Annotated[tuple[Percent, ...], Field(strict=False)]


def check_covariates(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse references that know more than correlations, or that the adjusted excess treats apart."""
    if refused := sorted({SECOND_MODEL, ORACLE, CONSENSUS} & set(names)):
        raise ValueError(
            f"names {', '.join(refused)}, expected classifiers and Naive Bayes: an oracle is not known on "
            "real data, and the variant with the second model is reported anyway"
        )
    return names


Covariates = Annotated[References, AfterValidator(check_covariates)]


class ScoreParams(Section):
    """Section ``image.score``: the references every target is compared with."""

    # families (second_model, classifier, naive_bayes, oracle, consensus) or predictors
    references: References
    at_percent: Percents  # score on the most confident p % as well (paper: 20, 5)
    consensus_of: References  # references of which one must be right for `consensus` to be right


class ImageHeadline(Section):
    """Section ``report.headline.image``: the comparison that the image lane opens with."""

    target: Reference  # a predictor: the name of a model, or <model>_<layer>_<metric>
    reference: Reference  # one that the target is compared with, e.g. second_model or naive_bayes@5


class CaptionHeadline(Section):
    """Section ``report.headline.caption``: the setting that the caption lane opens with."""

    target: Name  # a model under audit
    mode: Mode
    k: Positive  # neighbors that count, one of caption.score.k
    top: Positive | Literal["all"]  # predicted objects kept: one of caption.score.top, or all

    @property
    def n_top(self) -> int | None:
        """Return how many predicted objects are kept; None: all."""
        return None if self.top == "all" else self.top


OptionalCaptionHeadline = CaptionHeadline | None


class HeadlineParams(Section):
    """Section ``report.headline``: what summary, page, gallery and metrics.json open with, per lane."""

    image: ImageHeadline | None  # null: the lane is not used
    caption: OptionalCaptionHeadline

    @model_validator(mode="before")
    @classmethod
    def _names_both_lanes(cls, given: Any) -> Any:
        """Say how a headline of one lane, as older versions had it, is written today."""
        if isinstance(given, Mapping) and "lane" in given:
            image = f"{{target: {given.get('target')}, reference: {given.get('reference')}}}"
            caption = f"{{target: {given.get('target')}, mode: t2i, k: 10, top: all}}"
            lanes = (
                f"image: null, caption: {caption}"
                if given["lane"] == "caption"
                else f"image: {image}, caption: null"
            )
            raise ValueError(
                "names one lane, as in older versions; each lane has a headline of its own now, null where "
                f"the lane is not used. Write headline: {{{lanes}}}"
            )
        return given


class GalleryParams(Section):
    """Section ``report.gallery``: which samples the page shows with their images."""

    n_samples: Positive  # samples per model, reference and kind
    n_neighbors: Positive  # nearest public images shown of each model
    thumbnail_px: Annotated[int, Field(ge=16, le=512)]  # longer side of an image, pixels


class ReportParams(Section):
    """Section ``report``: how scores become results, tables, a summary and a page."""

    resamples: Positive  # bootstrap resamples behind every interval
    false_positive_percent: (
        Percents  # detection is reported where at most so many % of control are flagged
    )
    n_most_memorized: Positive  # samples listed by name per target and reference
    covariates: Covariates  # references that enter the adjusted excess, those that exist
    tolerance: Annotated[float, Field(gt=0, le=100)]  # points; an excess surely below is "at most"
    # expected share of false entries among the samples listed as memorized
    false_discovery_percent: FalseDiscoveryPercent
    storey: bool  # estimate how many samples are not memorized, for a longer list
    headline: HeadlineParams
    thumbnails: bool  # false: no image is read, the galleries are text
    gallery: GalleryParams
