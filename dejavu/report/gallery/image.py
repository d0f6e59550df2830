"""The image lane's galleries (paper, Figures 10, 11 and 12)."""

from collections.abc import Iterable, Mapping

from dejavu.report.gallery.lane import (
    Json,
    Lane,
    Row,
    has_columns,
    keep_table,
    number,
    require_list,
    rows,
)
from dejavu.report.gallery.texts import clean
from dejavu.report.settings import ImageSettings
from dejavu.roles import NaiveBayes
from dejavu.tables.catalog import Catalog

VIEWS = ("samples", "labels", "crops", "predictions", "image_scores")
LONGEST_NAME = 300  # characters of a label, tag or name
MOST_BOXES = 30  # drawn on one image
_NO_NEIGHBORS = """
CREATE OR REPLACE TEMP TABLE gallery_image_neighbors (
    predictor VARCHAR, sample_id BIGINT, rank BIGINT, neighbor_id BIGINT, similarity FLOAT,
    label_id INTEGER, share DOUBLE, is_shown BOOLEAN
)
"""


def gather(opened: Catalog, settings: ImageSettings) -> Lane | None:
    """Return the cards of every headline target; None where the lane has no scores.

    Memory holds what is shown, not the lane.
    """
    if len(opened.add_views(VIEWS)) < len(VIEWS):
        return None
    require_list(opened)
    heads = settings.heads
    headline = settings.report.headline.image
    cards = [_card(row) for row in keep_table(opened, "gallery_image_cards")]
    near = _nearest(opened)
    samples = rows(opened, "gallery_image_samples")
    guesses = rows(opened, "gallery_image_guesses")
    references = sorted({row["reference"] for row in guesses if row["reference"] is not None})
    return Lane(
        name="image",
        cards=cards,
        samples={_key(row["sample_id"]): _sample(row) for row in samples},
        guesses=_guesses(guesses),
        neighbors=_neighbors(near, _labels(opened)),
        searchers={
            target.name: {target.name: target.name}
            | ({"second_model": target.second_model} if target.second_model else {})
            for target in heads
        },
        start={} if headline is None else {"by": headline.target, "reference": headline.reference},
        evidence=_evidence(opened, references),
    )


def _key(sample_id: int) -> str:
    return f"i{sample_id}"


def _card(row: Row) -> Json:
    return {
        "lane": "image",
        **{name: row[name] for name in ("kind", "target", "reference", "other", "place")},
        "by": row["target"],
        "sample": _key(row["sample_id"]),
        "confidence": number(row["confidence"]),
    }


def _sample(row: Row) -> Json:
    sample: Json = {
        "name": clean(row["sample_name"], LONGEST_NAME),
        "label": clean(row["label"], LONGEST_NAME),
        "uri": row["uri"],
    }
    if row["is_attacked"]:
        crop = [row[side] for side in ("x0", "y0", "x1", "y1")]
        sample |= {
            "planted": row["is_planted"],
            "size": [row["width_px"], row["height_px"]],
            "boxes": [
                [box["x0"], box["y0"], box["x1"], box["y1"], clean(box["label"], LONGEST_NAME)]
                for box in (row["boxes"] or [])[:MOST_BOXES]
            ],
            "crop": crop if None not in crop and crop[0] < crop[2] and crop[1] < crop[3] else None,
        }
    return sample


def _guesses(found: Iterable[Row]) -> dict[str, dict[str, list[Json]]]:
    guesses: dict[str, dict[str, list[Json]]] = {}
    for row in found:
        guess = {
            "reference": row["reference"],
            "label": None if row["predicted"] is None else clean(row["predicted"], LONGEST_NAME),
            "right": row["is_correct"],
            "entropy": number(row["entropy"]),
            "truth": number(row["p_truth"]),
        }
        by_sample = guesses.setdefault(row["target"], {})
        by_sample.setdefault(_key(row["sample_id"]), []).append(guess)
    return guesses


def _labels(opened: Catalog) -> dict[int, str]:
    found = opened.rows(
        "SELECT label_id, label FROM labels WHERE lane = 'image' AND label_id IN "
        "(SELECT label_id FROM gallery_image_neighbors) ORDER BY label_id"
    )
    return {row["label_id"]: clean(row["label"], LONGEST_NAME) for row in found}  # type: ignore[arg-type, misc]  # columns of our own query


def _nearest(opened: Catalog) -> list[Json]:
    if has_columns(opened, "neighbors", "layer", "metric"):
        return keep_table(opened, "gallery_image_neighbors")
    opened.connection.execute(_NO_NEIGHBORS)
    return []


def _neighbors(found: Iterable[Row], labels: Mapping[int, str]) -> dict[str, dict[str, Json]]:
    """Return of each search the nearest images, and the share of the votes of every label."""
    neighbors: dict[str, dict[str, Json]] = {}
    for row in found:
        by_sample = neighbors.setdefault(row["predictor"], {})
        place = by_sample.setdefault(_key(row["sample_id"]), {"near": [], "votes": {}})
        if row["is_shown"]:
            place["near"].append([_key(row["neighbor_id"]), number(row["similarity"])])
        if row["label_id"] is not None:
            place["votes"][labels[row["label_id"]]] = number(row["share"])
    return neighbors


def _evidence(opened: Catalog, references: Iterable[str]) -> Json:
    """Return the tags of every crop, and which tags each Naive Bayes reference counts."""
    if not has_columns(opened, "tags", "annotator") or not has_columns(
        opened, "tag_vocabulary", "tag"
    ):
        return {}
    tags: dict[str, dict[str, list[str]]] = {}
    for row in rows(opened, "gallery_image_tags"):
        by_sample = tags.setdefault(row["annotator"], {})
        by_sample.setdefault(_key(row["sample_id"]), []).append(clean(row["tag"], LONGEST_NAME))
    tagged = {name: each for name in references if (each := NaiveBayes.named(name)) is not None}
    named = {each.annotator for each in tagged.values()}
    # the first annotator gives its references no name of their own: it is the one that none is named for
    unnamed = sorted(set(tags) - named)
    counted = {
        name: [each.annotator or unnamed[0], each.top_k]
        for name, each in tagged.items()
        if each.annotator or unnamed
    }
    return {"tags": tags, "counted": counted}
