"""Objects from a table of detections that was made elsewhere, see `dejavu.annotators.tables`."""

from pathlib import Path

import duckdb

from dejavu.annotators import tables
from dejavu.params.caption import ObjectsParams, TableObjectsParams
from dejavu.run import outside


def register(
    database: duckdb.DuckDBPyConnection, settings: ObjectsParams, data_folder: Path
) -> tuple[int, int]:
    """Make the views `annotated` and `detections` from the table that `settings` names.

    Detections below `min_score` are left out, and those of score 0: they say what is not there.

    Returns:
        The numbers of rows and of distinct samples in the table.

    Raises:
        DataError: the file is missing or breaks the format.
    """
    assert isinstance(settings, TableObjectsParams)
    path = outside.located(data_folder, settings.path)
    counts = tables.load(database, path, param="caption.objects.path")
    database.execute("CREATE VIEW annotated AS SELECT DISTINCT sample_id FROM known")
    database.execute(
        "CREATE VIEW detections AS SELECT * EXCLUDE (name), name AS object FROM known "  # noqa: S608  # a number
        f"WHERE name IS NOT NULL AND score > 0 AND score >= {settings.min_score!r}"
    )
    return counts
