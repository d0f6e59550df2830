"""The image lane's galleries (paper, Figures 10, 11 and 12)."""

from collections.abc import Iterable, Mapping

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
    Card,
    Corners,
    Evidence,
    ImageSample,
    LabelGuess,
    LabelNeighbors,
)
from dejavu.report.gallery.rows import (
    ImageCardRow,
    ImageGuessRow,
    ImageNeighborRow,
    ImageSampleRow,
    LabelRow,
    TagRow,
)
from dejavu.report.gallery.texts import clean
from dejavu.report.settings import ImageSettings
from dejavu.roles import NaiveBayes
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import rows_as

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
    cards = [_card(row) for row in keep_table(opened, "gallery_image_cards", ImageCardRow)]
    near = _nearest(opened)
    samples = rows(opened, "gallery_image_samples", ImageSampleRow)
    guesses = rows(opened, "gallery_image_guesses", ImageGuessRow)
    references = sorted({row.reference for row in guesses if row.reference is not None})
    return Lane(
        name="image",
        cards=cards,
        samples={_key(row.sample_id): _sample(row) for row in samples},
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


def _card(row: ImageCardRow) -> Card:
    return Card(
        lane="image", kind=row.kind, target=row.target, by=row.target, reference=row.reference,
        other=row.other, place=row.place, sample=_key(row.sample_id), confidence=number(row.confidence),
    )  # fmt: skip


def _sample(row: ImageSampleRow) -> ImageSample:
    crop, attacked = None, None
    if row.is_attacked:
        attacked = Attacked(
            planted=row.is_planted,
            size=(row.width_px, row.height_px),
            boxes=tuple(
                (box["x0"], box["y0"], box["x1"], box["y1"], clean(box["label"], LONGEST_NAME))
                for box in (row.boxes or [])[:MOST_BOXES]
            ),
        )
        crop = _crop(row.x0, row.y0, row.x1, row.y1)
    return ImageSample(
        sample_id=row.sample_id,
        name=clean(row.sample_name, LONGEST_NAME),
        uri=row.uri,
        label=clean(row.label, LONGEST_NAME),
        attacked=attacked,
        crop=crop,
    )


def _crop(x0: int | None, y0: int | None, x1: int | None, y1: int | None) -> Corners | None:
    if x0 is None or y0 is None or x1 is None or y1 is None:
        return None
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _guesses(found: Iterable[ImageGuessRow]) -> dict[str, dict[str, list[LabelGuess]]]:
    guesses: dict[str, dict[str, list[LabelGuess]]] = {}
    for row in found:
        guess = LabelGuess(
            reference=row.reference,
            label=None if row.predicted is None else clean(row.predicted, LONGEST_NAME),
            right=row.is_correct,
            entropy=number(row.entropy),
            truth=number(row.p_truth),
        )
        by_sample = guesses.setdefault(row.target, {})
        by_sample.setdefault(_key(row.sample_id), []).append(guess)
    return guesses


def _labels(opened: Catalog) -> dict[int, str]:
    found = opened.table(
        "SELECT label_id, label FROM labels WHERE lane = 'image' AND label_id IN "
        "(SELECT label_id FROM gallery_image_neighbors) ORDER BY label_id"
    )
    return {row.label_id: clean(row.label, LONGEST_NAME) for row in rows_as(LabelRow, found)}


def _nearest(opened: Catalog) -> list[ImageNeighborRow]:
    if has_columns(opened, "neighbors", "layer", "metric"):
        return keep_table(opened, "gallery_image_neighbors", ImageNeighborRow)
    opened.connection.execute(_NO_NEIGHBORS)
    return []


def _neighbors(
    found: Iterable[ImageNeighborRow], labels: Mapping[int, str]
) -> dict[str, dict[str, LabelNeighbors]]:
    """Return of each search the nearest images, and the share of the votes of every label."""
    neighbors: dict[str, dict[str, LabelNeighbors]] = {}
    for row in found:
        by_sample = neighbors.setdefault(row.predictor, {})
        place = by_sample.setdefault(_key(row.sample_id), LabelNeighbors())
        if row.is_shown:
            place.near.append((_key(row.neighbor_id), number(row.similarity)))
        if row.label_id is not None:
            place.votes[labels[row.label_id]] = number(row.share)
    return neighbors


def _evidence(opened: Catalog, references: Iterable[str]) -> Evidence | None:
    """Return the tags of every crop, and which tags each Naive Bayes reference counts; None: no tags."""
    if not has_columns(opened, "tags", "annotator") or not has_columns(
        opened, "tag_vocabulary", "tag"
    ):
        return None
    tags: dict[str, dict[str, list[str]]] = {}
    for row in rows(opened, "gallery_image_tags", TagRow):
        by_sample = tags.setdefault(row.annotator, {})
        by_sample.setdefault(_key(row.sample_id), []).append(clean(row.tag, LONGEST_NAME))
    tagged = {name: each for name in references if (each := NaiveBayes.named(name)) is not None}
    named = {each.annotator for each in tagged.values()}
    # the first annotator gives its references no name of their own: it is the one that none is named for
    unnamed = sorted(set(tags) - named)
    counted = {
        name: (each.annotator or unnamed[0], each.top_k)
        for name, each in tagged.items()
        if each.annotator or unnamed
    }
    return Evidence(tags=tags, counted=counted)
