"""What the report opens with: `report.headline`, held against what the run measured."""

from collections.abc import Collection, Iterable, Mapping

from dejavu.errors import ParamsError, suggestion
from dejavu.params.report import CaptionHeadline, HeadlineParams, ImageHeadline
from dejavu.report.caption.records import Setting
from dejavu.report.image.tables import in_order
from dejavu.roles import SECOND_MODEL, TEXT_MODEL


def require_measured(
    headline: HeadlineParams,
    images: Mapping[str, Collection[str]],
    captions: Mapping[str, Mapping[str, Collection[Setting]]],
) -> None:
    """Refuse a headline that names what the run did not measure.

    Args:
        headline: section ``report.headline``.
        images: references by target; empty where the lane was not run.
        captions: settings by target and reference; empty where the lane was not run.

    Raises:
        ParamsError: a lane was measured and its headline is null, or names a target, reference, mode, k or
            top that has no score.
    """
    if images:
        _require_image(headline.image, images)
    if captions:
        _require_caption(headline.caption, captions)


def _require_image(headline: ImageHeadline | None, measured: Mapping[str, Collection[str]]) -> None:
    if headline is None:
        raise no_headline("image", measured)
    require("image.target", headline.target, measured)
    require("image.reference", headline.reference, measured[headline.target])


def _require_caption(
    headline: CaptionHeadline | None, measured: Mapping[str, Mapping[str, Collection[Setting]]]
) -> None:
    if headline is None:
        raise no_headline("caption", measured)
    require("caption.target", headline.target, measured)
    found = {at for settings in measured[headline.target].values() for at in settings}
    require("caption.mode", headline.mode, {at.mode for at in found})
    found = {at for at in found if at.mode == headline.mode}
    require("caption.k", str(headline.k), {str(at.k) for at in found})
    found = {at for at in found if at.k == headline.k}
    require("caption.top", str(headline.top), {at.top_text for at in found})


def no_headline(lane: str, targets: Iterable[str]) -> ParamsError:
    """Return the error of a lane that is measured and has no headline."""
    return ParamsError(
        f"report.headline.{lane} is null, but the run measures this lane: name one of its targets, "
        f"{', '.join(sorted(targets))}, and what it is compared with, as in the packaged params.yaml."
    )


def require(key: str, wanted: str, measured: Collection[str]) -> None:
    """Refuse a value of ``report.headline.<key>`` that is none of `measured`."""
    if wanted not in measured:
        raise ParamsError(
            f"report.headline.{key}: the run does not measure {wanted!r}, only "
            f"{', '.join(sorted(measured)) or 'nothing'}.{suggestion(wanted, measured)}"
        )


def image_reference(references: Collection[str], headline: ImageHeadline | None) -> str:
    """Return the reference that an image model opens with: the headline's, else the first in reading order.

    >>> image_reference(["oracle", "classifier"], None)
    'classifier'
    """
    if headline is not None and headline.reference in references:
        return headline.reference
    return in_order(references)[0]


def one_model_reference(references: Collection[str], headline: ImageHeadline | None) -> str | None:
    """Return the one-model reference to show beside the two-model test; None where there is none."""
    others = [name for name in references if name != SECOND_MODEL]
    return image_reference(others, headline) if others else None


def caption_reference(references: Iterable[str]) -> str:
    """Return the reference that a captioned model opens with: a text model, the test without retraining."""
    names = set(references)
    return next((name for name in (TEXT_MODEL, SECOND_MODEL) if name in names), min(names))
