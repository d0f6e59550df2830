"""Rows of the objects table from detections: one per sample, each object once, with its best detection."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int32

from dejavu.annotators.detections import NO_MASK, Found
from dejavu.tables.schemas import OBJECTS

BATCH_ROWS = 262_144  # detections held in memory at once
_DETECTION = OBJECTS.schema.field("detections").type.value_type


def of_found(
    sample_ids: np.ndarray, found: list[Found], object_ids: Int32[np.ndarray, " names"]
) -> pa.Table:
    """Return what was found in order of sample, object and score; NULL where an image shows nothing."""
    nothing = Found(
        name_ids=np.array([-1]), scores=np.zeros(1), boxes=np.full((1, 4), np.nan, np.float32),
        mask_areas=np.array([NO_MASK]),
    )  # fmt: skip
    filled = [each if len(each.name_ids) else nothing for each in found]
    names = np.concatenate([np.zeros(0, np.int64), *(each.name_ids for each in filled)])
    scores = np.concatenate([np.zeros(0), *(each.scores for each in filled)])
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(each.boxes for each in filled)])
    areas = np.concatenate([np.zeros(0, np.int64), *(each.mask_areas for each in filled)])
    owners = np.repeat(sample_ids, [len(each.name_ids) for each in filled])
    ids = np.where(names < 0, -1, object_ids[names] if len(object_ids) else -1).astype(np.int32)
    columns = {
        "sample_id": owners,
        "object_id": pa.array(ids, mask=names < 0),
        "score": scores.astype(np.float32),
        **{
            corner: pa.array(boxes[:, axis], mask=np.isnan(boxes[:, axis]))
            for axis, corner in enumerate(("x0", "y0", "x1", "y1"))
        },
        "mask_area_px": pa.array(areas, mask=areas == NO_MASK),
    }
    order = np.lexsort((*boxes.T[::-1], -scores, ids, owners))
    return pa.table(columns).take(order)


def by_sample(detections: Path) -> Iterator[pa.Table]:
    """Turn sorted detections into one row per sample, a bounded number at a time."""
    rest = pq.read_schema(detections).empty_table()
    with pq.ParquetFile(detections) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            rows = pa.concat_tables([rest, pa.Table.from_batches([batch])])
            ids = rows["sample_id"].to_numpy()
            cut = int(np.searchsorted(ids, ids[-1]))  # the last sample may go on in the next batch
            if cut:
                yield grouped(rows.slice(0, cut))
            rest = rows.slice(cut)
    yield grouped(rest)


def grouped(rows: pa.Table) -> pa.Table:
    """Return one row per sample of detections in order of sample, object and score (best first)."""
    rows = rows.combine_chunks()
    ids = rows["sample_id"].to_numpy()
    is_found = rows["object_id"].is_valid().to_numpy()
    sample_ids, sample_rows = np.unique(ids, return_inverse=True)
    found = rows.filter(pa.array(is_found))
    owners = sample_rows[is_found]
    object_ids = found["object_id"].to_numpy()
    is_best = np.ones(len(object_ids), dtype=bool)
    is_best[1:] = (owners[1:] != owners[:-1]) | (object_ids[1:] != object_ids[:-1])
    best = found.filter(pa.array(is_best))
    n = len(sample_ids)
    detections = pa.StructArray.from_arrays(
        [found[field.name].combine_chunks().cast(field.type) for field in _DETECTION],
        fields=list(_DETECTION),
    )
    return pa.table(
        {
            "sample_id": sample_ids,
            "object_ids": _lists(best["object_id"].combine_chunks(), owners[is_best], n),
            "scores": _lists(best["score"].combine_chunks(), owners[is_best], n),
            "detections": _lists(detections, owners, n),
        },
        schema=OBJECTS.schema,
    )


def _lists(values: pa.Array, owners: np.ndarray, n: int) -> pa.Array:
    starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=n))])
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), values)
