"""The few rows that `dvc plots` draws: headline targets and settings only."""

from collections.abc import Mapping

from dejavu.report.caption.results import CaptionSettings
from dejavu.report.image.tables import Rows
from dejavu.report.settings import ImageSettings

_PARTS = {"plain": "target", "bias": "control", "excess": "excess"}


def plot_tables(
    made: Mapping[str, Rows], image: ImageSettings, captions: CaptionSettings
) -> dict[str, Rows]:
    """Return the rows of each plot, by file name; lanes that were not run have none."""
    found: dict[str, Rows] = {}
    if "image_calibration" in made:
        heads = {target.name for target in image.heads}
        found["plot_image"] = [
            {"test": row["test"], "score": part, "dejavu_score": row.get(column)}
            for row in made["image_calibration"]
            if row["target"] in heads
            for part, column in (
                ("plain", "target_score"), ("bias", "control_score"), ("excess", "excess"),
            )
            if row.get(column) is not None
        ]  # fmt: skip
    if captions.headline and "caption_calibration" in made:
        lead = captions.headline
        wanted = {"target": lead.target, "mode": lead.mode, "k": lead.k}
        rows = [row for row in made["caption_calibration"] if wanted.items() <= row.items()]
        for score in ("ppg", "prg"):
            found[f"plot_caption_{score}"] = [
                {
                    "test": f"{row['reference']}, top {row['top'] or 'all'}",
                    "score": part,
                    score: row[f"{column}_{score}"],
                }
                for row in rows
                for part, column in _PARTS.items()
                if row.get(f"{column}_{score}") is not None
            ]
        found["plot_caption_top_l"] = [
            {name: row[name] for name in ("reference", "length", "recall_gap", "precision_gap")}
            for row in made["caption_top_l"]
            if wanted.items() <= row.items() and (row["top"], row["role"]) == (lead.n_top, "target")
        ]
    return found
