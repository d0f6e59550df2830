"""Objects as the corpus itself states them: the labels of its boxes, with score 1."""

from pathlib import Path

import duckdb

from dejavu.params.caption import ObjectsParams


def register(
    database: duckdb.DuckDBPyConnection,
    settings: ObjectsParams,  # noqa: ARG001  # every source is given both; the boxes stand in samples
    data_folder: Path,  # noqa: ARG001  # as above
) -> None:
    """Make the views `annotated` and `detections` from the boxes of view `samples`."""
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
