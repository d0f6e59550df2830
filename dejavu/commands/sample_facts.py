"""Everything that the tables of a run know about one sample."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from dejavu.errors import ParamsError
from dejavu.roles import predictor_name
from dejavu.tables.catalog import Catalog

LANES = ("image", "caption")
_N_SUGGESTED = 3
SEARCH = ("model", "layer", "metric", "mode")  # what tells one search for neighbors from another
Facts = dict[str, Any]
Search = tuple[str, str]  # layer and metric


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A sample by its key."""

    lane: str
    sample_id: int


def find(opened: Catalog, sample: str, lane: str | None) -> Found:
    """Find a sample by its name or, if no sample has that name, by its id.

    Args:
        opened: the tables.
        sample: a name or a number.
        lane: image or caption; None: wherever it is.

    Raises:
        ParamsError: there is no such sample, or both lanes have one.
    """
    where = "lane = coalesce($lane, lane)"
    found = opened.rows(
        f"SELECT lane, sample_id FROM samples WHERE sample_name = $sample AND {where} ORDER BY lane",  # noqa: S608 our own text
        {"sample": sample, "lane": lane},
    )
    if not found and sample.isdecimal():
        found = opened.rows(
            f"SELECT lane, sample_id FROM samples WHERE sample_id = $id AND {where} ORDER BY lane",  # noqa: S608 our own text
            {"id": int(sample), "lane": lane},
        )
    if not found:
        near = opened.rows(
            f"SELECT sample_name AS name FROM samples WHERE {where} "  # noqa: S608 our own text
            "ORDER BY jaro_winkler_similarity(sample_name, $sample) DESC, name LIMIT $n",
            {"sample": sample, "lane": lane, "n": _N_SUGGESTED},
        )
        names = ", ".join(repr(row["name"]) for row in near) or "none at all"
        raise ParamsError(f"no sample is called, or has the id, {sample!r}. Close names: {names}.")
    if len(found) > 1:
        raise ParamsError(
            f"both lanes have a sample {sample!r}: add --lane image or --lane caption."
        )
    return Found(str(found[0]["lane"]), int(str(found[0]["sample_id"])))


def dossier(opened: Catalog, found: Found, *, n_neighbors: int) -> Facts:
    """Return all facts about a sample, as JSON-able values.

    Keys: lane, sample_id, sample_name, uri, n_bytes, width_px, height_px, label, caption, problem, truth,
    boxes, role, role_reason, duplicates, crop, tags, objects, predictions, image_scores,
    caption_scores, memorized_samples, neighbors. A key whose table does not exist, or has no row for this
    sample, holds None or [].

    Args:
        opened: the tables.
        found: which sample.
        n_neighbors: nearest public samples listed for each model, layer and metric or mode.
    """
    views = {view.name for view in opened.views()}
    key: Facts = {"lane": found.lane, "id": found.sample_id}
    facts = _one(opened, _SAMPLE, key)
    facts |= _one(opened, _ROLE, key) if "splits" in views else {"role": None, "role_reason": None}
    for name, needed, sql in _LISTS:
        parameters = key | ({"n": n_neighbors} if "$n" in sql else {})
        facts[name] = opened.rows(sql, parameters) if needed <= views else []
    crops = facts.pop("crops")
    facts["crop"] = crops[0] if crops else None
    facts["neighbors"] = list(_grouped(facts["neighbors"]))
    return facts


def _one(opened: Catalog, sql: str, key: Facts) -> Facts:
    return dict(next(iter(opened.rows(sql, key)), {}))


def _grouped(rows: list[Facts]) -> Iterator[Facts]:
    """Yield one mapping per search, with its neighbors, nearest first."""
    groups: dict[tuple[Any, ...], list[Facts]] = {}
    for row in rows:
        name = tuple(row.pop(column) for column in SEARCH)
        groups.setdefault(name, []).append(row)
    for name, neighbors in groups.items():
        yield dict(zip(SEARCH, name, strict=True)) | {"nearest": neighbors}


def headline_only(facts: Facts, headline: Mapping[str, Search]) -> Facts:
    """Leave out what other layers and metrics of a model say than those that stand for it.

    Args:
        facts: of `dossier`.
        headline: layer and metric of each model of the image lane; {}: leave nothing out.
    """
    models = {search["model"] for search in facts["neighbors"] if search["layer"]}
    if not models <= headline.keys():
        return facts
    others = {
        predictor_name(
            search["model"], search["layer"], search["metric"],
            layers=headline[search["model"]][:1], metrics=headline[search["model"]][1:],
        )
        for search in facts["neighbors"]
        if search["layer"] and headline[search["model"]] != (search["layer"], search["metric"])
    }  # fmt: skip
    searches = [
        search
        for search in facts["neighbors"]
        if not search["layer"] or headline[search["model"]] == (search["layer"], search["metric"])
    ]
    return facts | {
        "neighbors": searches,
        "predictions": [r for r in facts["predictions"] if r["predictor"] not in others],
        "image_scores": [r for r in facts["image_scores"] if r["target"] not in others],
        "memorized_samples": [r for r in facts["memorized_samples"] if r["target"] not in others],
    }


_SAMPLE = """
SELECT
    lane, sample_id, sample_name, uri, n_bytes, width_px, height_px,
    label, caption, problem, truth, boxes
FROM samples LEFT JOIN labels USING (lane, label_id)
WHERE lane = $lane AND sample_id = $id
"""
_ROLE = """
SELECT role, reason AS role_reason FROM splits WHERE lane = $lane AND sample_id = $id
"""
_LISTS: tuple[tuple[str, set[str], str], ...] = (
    (
        "duplicates",
        {"splits"},
        """
        SELECT sample_id, sample_name, role FROM splits JOIN samples USING (lane, sample_id)
        WHERE lane = $lane AND sample_id != $id
            AND group_id = (SELECT group_id FROM splits WHERE lane = $lane AND sample_id = $id)
        ORDER BY sample_id
        """,
    ),
    (
        "crops",
        {"crops"},
        """
        SELECT is_kept, drop_reason, x0, y0, x1, y1 FROM crops
        WHERE lane = $lane AND sample_id = $id
        """,
    ),
    (
        "tags",
        {"tags", "tag_vocabulary"},
        """
        WITH one AS (
            SELECT lane, annotator, unnest(tag_ids) AS tag_id, unnest(scores) AS score
            FROM tags WHERE lane = $lane AND sample_id = $id
        )
        SELECT annotator, tag, score FROM one JOIN tag_vocabulary USING (lane, annotator, tag_id)
        ORDER BY annotator, score DESC, tag
        """,
    ),
    (
        "objects",
        {"objects", "object_vocabulary"},
        """
        WITH one AS (
            SELECT lane, unnest(object_ids) AS object_id, unnest(scores) AS score
            FROM objects WHERE lane = $lane AND sample_id = $id
        )
        SELECT object, score FROM one JOIN object_vocabulary USING (lane, object_id) ORDER BY object
        """,
    ),
    (
        "predictions",
        {"predictions", "labels"},
        """
        SELECT predictor, label AS predicted, is_correct, confidence, p_truth
        FROM predictions JOIN labels ON labels.lane = predictions.lane AND predicted_id = labels.label_id
        WHERE predictions.lane = $lane AND sample_id = $id
        ORDER BY predictor
        """,
    ),
    (
        "image_scores",
        {"image_scores"},
        """
        SELECT target, reference, target_correct, reference_correct, is_memorized, memorization_confidence
        FROM image_scores WHERE lane = $lane AND sample_id = $id
        ORDER BY target, reference
        """,
    ),
    (
        "caption_scores",
        {"caption_scores"},
        """
        SELECT
            target, reference, mode, k, top, n_objects,
            target_hits, target_predicted, reference_hits, reference_predicted,
            target_precision - reference_precision AS precision_gap,
            target_recall - reference_recall       AS recall_gap
        FROM caption_scores WHERE lane = $lane AND sample_id = $id
        ORDER BY target, reference, mode, k, top
        """,
    ),
    (
        "memorized_samples",
        {"memorized_samples"},
        """
        SELECT target, votes_for_truth, n_votes, z, p_value, q_value, is_listed
        FROM memorized_samples WHERE lane = $lane AND sample_id = $id
        ORDER BY target
        """,
    ),
    (
        "neighbors",
        {"neighbors", "labels"},
        """
        WITH one AS (
            SELECT
                lane, model, layer, metric, mode,
                unnest(neighbor_ids[:$n]) AS neighbor, unnest(similarities[:$n]) AS similarity,
                generate_subscripts(neighbor_ids[:$n], 1) AS place
            FROM neighbors WHERE lane = $lane AND sample_id = $id
        )
        SELECT
            model, layer, metric, mode, place, sample_id, sample_name, label, caption, similarity
        FROM one
        JOIN samples ON samples.lane = one.lane AND samples.sample_id = one.neighbor
        LEFT JOIN labels ON labels.lane = one.lane AND labels.label_id = samples.label_id
        ORDER BY model, layer, metric, mode, place
        """,
    ),
)
