"""The few rows that `dvc plots` draws: headline targets and settings only."""

from dejavu.params.report import CaptionHeadline
from dejavu.report.caption.records import Setting, every
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.caption.table_records import CaptionTables
from dejavu.report.found import Found
from dejavu.report.image.tables import pairs
from dejavu.report.numbers import Rows
from dejavu.report.settings import ImageSettings


def lines(found: Found, image: ImageSettings, captions: CaptionSettings) -> dict[str, Rows]:
    """Return the lines of each plot, by file name; lanes that were not run have none."""
    plots: dict[str, Rows] = {}
    if found.images:
        plots["plot_image"] = _image_rows(found, image)
    if captions.headline and found.captions and found.caption_tables:
        for score in ("ppg", "prg"):
            plots[f"plot_caption_{score}"] = _gap_rows(found, captions.headline, score)
        plots["plot_caption_top_l"] = _length_rows(found.caption_tables, captions.headline)
    return plots


def _image_rows(found: Found, image: ImageSettings) -> Rows:
    heads = [target for target in image.targets if target.is_headline]
    return [
        {
            "test": f"{target.name} / {reference}",
            "score": part,
            "dejavu_score": each.scores.dejavu_score.value,
        }
        for target, reference, comparison in pairs(found.images, heads)
        for part, each in (
            ("plain", comparison.target), ("bias", comparison.control), ("excess", comparison.excess),
        )
        if each is not None and each.scores.dejavu_score.value is not None
    ]  # fmt: skip


def _gap_rows(found: Found, lead: CaptionHeadline, score: str) -> Rows:
    return [
        {
            "test": f"{reference}, top {at.top_text}",
            "score": part,
            score: each.gaps.by_name()[score].value,
        }
        for target, reference, at, comparison in every(found.captions)
        if (target, at.mode, at.k) == (lead.target, lead.mode, lead.k)
        for part, each in (
            ("plain", comparison.target), ("bias", comparison.control), ("excess", comparison.excess),
        )
        if each is not None and each.gaps.by_name()[score].value is not None
    ]  # fmt: skip


def _length_rows(found: CaptionTables, lead: CaptionHeadline) -> Rows:
    return [
        {
            "reference": each.reference, "length": each.length, "recall_gap": each.recall_gap,
            "precision_gap": each.precision_gap,
        }
        for each in found.top_l
        if (each.target, each.setting, each.role) == (lead.target, Setting.of(lead), "target")
    ]  # fmt: skip
