"""Objects as the corpus itself states them: the labels of its boxes, with score 1."""

from pathlib import Path

import duckdb

from dejavu.errors import DataError
from dejavu.params.caption import ObjectsParams


def register(
    database: duckdb.DuckDBPyConnection,
    settings: ObjectsParams,  # noqa: ARG001  # every source is given both; the boxes stand in samples
    data_folder: Path,  # noqa: ARG001  # as above
) -> None:
    """Make the views `annotated` and `detections` from the boxes of view `samples`.

    Raises:
        DataError: the corpus states no label of any box: then it knows no objects, which is not the same
            as images that show none.
    """
    counted = database.sql(
        "SELECT count(*), count(*) FILTER (len(list_filter(boxes, lambda box: box.label IS NOT NULL)) > 0) "
        "FROM samples WHERE problem IS NULL"
    )
    ((n_samples, n_labeled),) = counted.fetchall()
    require_labels(n_samples=n_samples, n_labeled=n_labeled)
    database.execute(
        """
        CREATE VIEW annotated AS SELECT sample_id FROM samples;
        CREATE VIEW detections AS
        SELECT sample_id, box.label AS object, 1.0 AS score, box.x0 AS x0, box.y0 AS y0,
            box.x1 AS x1, box.y1 AS y1, NULL::BIGINT AS mask_area_px
        FROM (SELECT sample_id, unnest(boxes) AS box FROM samples)
        WHERE box.label IS NOT NULL;
        """
    )


def require_labels(*, n_samples: int, n_labeled: int) -> None:
    """Refuse a corpus of which no sample has a labeled box; raises DataError."""
    if n_samples and not n_labeled:
        raise DataError(
            f"caption.objects: source corpus takes labels of boxes, and none of {n_samples} samples has a "
            "labeled box: nobody said what the images show. Name the corpus' annotations (coco: "
            "instances), or take another source: table, grounded_sam, detic, tagger."
        )
