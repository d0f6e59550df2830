"""The caption lane's galleries (paper, Figures 14 and 15)."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dejavu.caption.object_sets import likeliest_objects
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.gallery.lane import (
    Lane,
    has_columns,
    keep_table,
    number,
    require_list,
    rows,
)
from dejavu.report.gallery.records import (
    Attacked,
    CaptionSample,
    Card,
    Corners,
    Near,
    ObjectGuess,
    ObjectNeighbors,
)
from dejavu.report.gallery.rows import (
    CaptionCardRow,
    CaptionGuessRow,
    CaptionNeighborRow,
    CaptionSampleRow,
    Detection,
    SearcherRow,
)
from dejavu.report.gallery.texts import clean
from dejavu.report.settings import reference_table
from dejavu.roles import ORACLE, TEXT_MODEL
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import rows_as

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
    cards = [_card(row) for row in keep_table(opened, "gallery_caption_cards", CaptionCardRow)]
    near = _nearest(opened)
    samples = rows(opened, "gallery_caption_samples", CaptionSampleRow)
    names = [
        clean(each, LONGEST_NAME)
        for each in opened.table("SELECT object FROM object_vocabulary ORDER BY object_id")[
            "object"
        ].to_pylist()
    ]
    searchers: dict[str, dict[str, str]] = {}
    for row in rows_as(SearcherRow, references):
        by = f"{row.target}/{row.mode}"
        own = searchers.setdefault(by, {row.target: by})
        if row.model is not None:
            own[row.reference] = f"{row.model}/{row.searched_mode}"
    objects = {row.sample_id: row.object_ids or [] for row in samples}
    return Lane(
        name="caption",
        cards=cards,
        samples={_key(row.sample_id): _sample(row, names) for row in samples if row.is_shown},
        guesses=_guesses(rows(opened, "gallery_caption_guesses", CaptionGuessRow)),
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


def _card(row: CaptionCardRow) -> Card:
    return Card(
        lane="caption", kind=row.kind, target=row.target, by=f"{row.target}/{row.mode}",
        reference=row.reference, other=row.other, place=row.place, sample=_key(row.sample_id),
        confidence=number(row.confidence) if row.kind == "listed" else row.confidence,
        mode=row.mode, k=row.k,
    )  # fmt: skip


def _sample(row: CaptionSampleRow, names: Sequence[str]) -> CaptionSample:
    attacked = None
    if row.is_attacked:
        attacked = Attacked(
            planted=row.is_planted,
            size=(row.width_px, row.height_px),
            boxes=tuple(
                (*corners, names[each["object_id"]])
                for each in (row.detections or [])[:MOST_BOXES]
                if (corners := _corners(each)) is not None
            ),
        )
    return CaptionSample(
        sample_id=row.sample_id,
        name=clean(row.sample_name, LONGEST_NAME),
        caption=row.caption or "",
        uri=row.uri,
        objects=tuple(names[each] for each in row.object_ids or []),
        attacked=attacked,
    )


def _corners(found: Detection) -> Corners | None:
    """Return the corners of an object; None where it was told elsewhere, without them."""
    x0, y0, x1, y1 = found["x0"], found["y0"], found["x1"], found["y1"]
    if x0 is None or y0 is None or x1 is None or y1 is None:
        return None
    return round(x0), round(y0), round(x1), round(y1)


def _guesses(found: Iterable[CaptionGuessRow]) -> dict[str, dict[str, list[ObjectGuess]]]:
    """Return the counts of every guesser: the target first (its reference is null)."""
    guesses: dict[str, dict[str, list[ObjectGuess]]] = {}
    for row in found:
        by_sample = guesses.setdefault(f"{row.target}/{row.mode}", {})
        listed = by_sample.setdefault(_key(row.sample_id), [])
        if not listed:
            listed.append(
                ObjectGuess(
                    reference=None,
                    hits=row.target_hits,
                    predicted=row.target_predicted,
                    n=row.n_objects,
                )
            )
        listed.append(
            ObjectGuess(
                reference=row.reference, hits=row.reference_hits, predicted=row.reference_predicted,
                n=row.n_objects,
            )
        )  # fmt: skip
    return guesses


def _nearest(opened: Catalog) -> list[CaptionNeighborRow]:
    if has_columns(opened, "neighbors", "mode"):
        return keep_table(opened, "gallery_caption_neighbors", CaptionNeighborRow)
    opened.connection.execute(_NO_NEIGHBORS)
    return []


def _neighbors(
    found: Iterable[CaptionNeighborRow], objects: Objects, names: Sequence[str]
) -> dict[str, dict[str, ObjectNeighbors]]:
    """Return of each search the nearest samples, and which objects all that count show."""
    near: dict[tuple[str, int], list[Near]] = {}
    shown: dict[tuple[str, int], dict[int, None]] = {}
    for row in found:
        key = (f"{row.model}/{row.mode}", row.sample_id)
        own = near.setdefault(key, [])
        if row.is_shown:
            own.append((_key(row.neighbor_id), number(row.similarity)))
        objects_shown = shown.setdefault(key, {})
        objects_shown |= dict.fromkeys(objects.get(row.neighbor_id, ()))
    neighbors: dict[str, dict[str, ObjectNeighbors]] = {}
    for (searcher, sample_id), ids in shown.items():
        true, wrong = _split(list(ids), objects.get(sample_id, ()), names)
        place = ObjectNeighbors(near[searcher, sample_id], true, wrong)
        neighbors.setdefault(searcher, {})[_key(sample_id)] = place
    return neighbors


def _oracle(
    samples: Iterable[CaptionSampleRow], names: Sequence[str]
) -> dict[str, dict[str, ObjectNeighbors]]:
    """Return what the known probabilities predict, as the search that nobody made."""
    found = {}
    for row in samples:
        if row.probabilities is not None and len(row.probabilities) == len(names):
            ids = likeliest_objects(np.array([row.probabilities], dtype=np.float64), None)
            true, wrong = _split(ids.tolist(), row.object_ids or (), names)
            found[_key(row.sample_id)] = ObjectNeighbors((), true, wrong)
    return {ORACLE: found} if found else {}


def _split(
    ids: Sequence[int], truth: Sequence[int], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the true and the wrong ones among objects, in the order in which neighbors show them."""
    true = set(truth)
    return (
        [names[each] for each in ids if each in true],
        [names[each] for each in ids if each not in true][:MOST_WRONG],
    )
