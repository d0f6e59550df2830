"""The caption lane's galleries (paper, Figures 14 and 15)."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dejavu.caption.object_sets import likeliest_objects
from dejavu.report.caption.results import CaptionSettings
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
from dejavu.report.settings import reference_table
from dejavu.roles import ORACLE, TEXT_MODEL
from dejavu.tables.catalog import Catalog

VIEWS = ("samples", "objects", "object_vocabulary", "caption_scores")
LONGEST_NAME = 300  # characters of the name of an object or a sample
MOST_BOXES = 30  # drawn on one image
MOST_WRONG = 40  # wrong objects that one guess lists by name
_NO_NEIGHBORS = """
CREATE OR REPLACE TEMP TABLE gallery_caption_neighbors (
    model VARCHAR, mode VARCHAR, sample_id BIGINT, rank BIGINT, neighbor_id BIGINT, similarity FLOAT,
    is_shown BOOLEAN
)
"""
Objects = Mapping[int, Sequence[int]]  # sample id -> ids of the objects that its image shows


def gather(opened: Catalog, settings: CaptionSettings) -> Lane | None:
    """Return the cards of every target and mode; None where the lane has no scores.

    Memory holds what is shown, not the lane.
    """
    if len(opened.add_views(VIEWS)) < len(VIEWS):
        return None
    require_list(opened)
    lead = settings.headline
    references = reference_table(settings.models, settings.score)
    opened.connection.register("_gallery_references", references)
    opened.connection.execute(
        'CREATE OR REPLACE TEMP VIEW caption_references AS FROM "_gallery_references"'
    )
    cards = [_card(row) for row in keep_table(opened, "gallery_caption_cards")]
    near = _nearest(opened)
    samples = rows(opened, "gallery_caption_samples")
    names = [
        clean(row["object"], LONGEST_NAME)  # type: ignore[arg-type]  # a text column
        for row in opened.rows("SELECT object FROM object_vocabulary ORDER BY object_id")
    ]
    searchers: dict[str, dict[str, str]] = {}
    for row in references.to_pylist():
        by = f"{row['target']}/{row['mode']}"
        own = searchers.setdefault(by, {row["target"]: by})
        if row["model"] is not None:
            own[row["reference"]] = f"{row['model']}/{row['searched_mode']}"
    objects = {row["sample_id"]: row["object_ids"] or [] for row in samples}
    return Lane(
        name="caption",
        cards=cards,
        samples={_key(row["sample_id"]): _sample(row, names) for row in samples if row["is_shown"]},
        guesses=_guesses(rows(opened, "gallery_caption_guesses")),
        neighbors=_neighbors(near, objects, names) | _oracle(samples, names),
        searchers={by: own | {ORACLE: ORACLE} for by, own in searchers.items()},
        start={}
        if lead is None
        else {
            "by": f"{lead.target}/{lead.mode}",
            "reference": TEXT_MODEL,
        },
    )


def _key(sample_id: int) -> str:
    return f"c{sample_id}"


def _card(row: Row) -> Json:
    return {
        "lane": "caption",
        **{
            name: row[name]
            for name in ("kind", "target", "mode", "k", "reference", "other", "place")
        },
        "by": f"{row['target']}/{row['mode']}",
        "sample": _key(row["sample_id"]),
        "confidence": number(row["confidence"]) if row["kind"] == "listed" else row["confidence"],
    }


def _sample(row: Row, names: Sequence[str]) -> Json:
    sample: Json = {
        "name": clean(row["sample_name"], LONGEST_NAME),
        "caption": row["caption"] or "",
        "uri": row["uri"],
        "objects": [names[each] for each in row["object_ids"] or []],
    }
    if row["is_attacked"]:
        sample |= {
            "planted": row["is_planted"],
            "size": [row["width_px"], row["height_px"]],
            "boxes": [
                [round(each[side]) for side in ("x0", "y0", "x1", "y1")]
                + [names[each["object_id"]]]
                for each in (row["detections"] or [])[:MOST_BOXES]
                if each["x0"] is not None  # made elsewhere, without boxes
            ],
        }
    return sample


def _guesses(found: Iterable[Row]) -> dict[str, dict[str, list[Json]]]:
    """Return the counts of every guesser: the target first (its reference is null)."""
    guesses: dict[str, dict[str, list[Json]]] = {}
    for row in found:
        by_sample = guesses.setdefault(f"{row['target']}/{row['mode']}", {})
        listed = by_sample.setdefault(_key(row["sample_id"]), [])
        for who in ("target", "reference"):
            if who == "reference" or not listed:
                listed.append(
                    {
                        "reference": row["reference"] if who == "reference" else None,
                        "hits": row[f"{who}_hits"],
                        "predicted": row[f"{who}_predicted"],
                        "n": row["n_objects"],
                    }
                )
    return guesses


def _nearest(opened: Catalog) -> list[Json]:
    if has_columns(opened, "neighbors", "mode"):
        return keep_table(opened, "gallery_caption_neighbors")
    opened.connection.execute(_NO_NEIGHBORS)
    return []


def _neighbors(
    found: Iterable[Row], objects: Objects, names: Sequence[str]
) -> dict[str, dict[str, Json]]:
    """Return of each search the nearest samples, and which objects all that count show."""
    neighbors: dict[str, dict[str, Json]] = {}
    shown: dict[tuple[str, int], dict[int, None]] = {}
    for row in found:
        searcher = f"{row['model']}/{row['mode']}"
        place = neighbors.setdefault(searcher, {}).setdefault(_key(row["sample_id"]), {"near": []})
        if row["is_shown"]:
            place["near"].append([_key(row["neighbor_id"]), number(row["similarity"])])
        objects_shown = shown.setdefault((searcher, row["sample_id"]), {})
        objects_shown |= dict.fromkeys(objects.get(row["neighbor_id"], ()))
    for (searcher, sample_id), ids in shown.items():
        place = neighbors[searcher][_key(sample_id)]
        place |= _split(list(ids), objects.get(sample_id, ()), names)
    return neighbors


def _oracle(samples: Iterable[Row], names: Sequence[str]) -> dict[str, dict[str, Json]]:
    """Return what the known probabilities predict, as the search that nobody made."""
    found = {}
    for row in samples:
        if row["probabilities"] is not None and len(row["probabilities"]) == len(names):
            ids = likeliest_objects(np.array([row["probabilities"]], dtype=np.float64), None)
            near: Json = {"near": []}
            found[_key(row["sample_id"])] = near | _split(
                ids.tolist(), row["object_ids"] or (), names
            )
    return {ORACLE: found} if found else {}


def _split(ids: Sequence[int], truth: Sequence[int], names: Sequence[str]) -> Json:
    """Return the true and the wrong ones among objects, in the order in which neighbors show them."""
    true = set(truth)
    return {
        "found": [names[each] for each in ids if each in true],
        "wrong": [names[each] for each in ids if each not in true][:MOST_WRONG],
    }
