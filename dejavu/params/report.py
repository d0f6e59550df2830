"""Sections ``image.score`` and ``report``: which comparisons are made, and how they are reported."""

from typing import Annotated, Literal

from pydantic import Field

from dejavu.params.base import Positive, Section
from dejavu.params.names import Reference, References

Percent = Annotated[int, Field(ge=1, le=100)]
Percents = Annotated[tuple[Percent, ...], Field(strict=False)]


class ScoreParams(Section):
    """Section ``image.score``: the references every target is compared with."""

    # families (second_model, classifier, naive_bayes, oracle, consensus) or predictors
    references: References
    at_percent: Percents  # score on the most confident p % as well (paper: 20, 5)
    consensus_of: References  # references of which one must be right for `consensus` to be right


class HeadlineParams(Section):
    """Section ``report.headline``: the comparison that the summary opens with."""

    lane: Literal["image", "caption"]
    target: Reference  # a predictor: the name of a model, or <model>_<layer>
    reference: Reference


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
    headline: HeadlineParams
    thumbnails: bool  # false: no image is read, the galleries are text
    gallery: GalleryParams
