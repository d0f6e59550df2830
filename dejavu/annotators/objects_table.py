"""Objects from a table of detections that an annotator wrote elsewhere (Detic, GroundingDINO, people).

One row per detection, as Parquet, JSON lines (.jsonl) or CSV:

    sample_name   the name of the sample, as in samples.parquet
    object        the object's name; empty or NULL in the one row of a picture without objects
    score         how sure the annotator is, in [0, 1]; empty where `object` is
    x0 y0 x1 y1   optional: the box in pixels
    mask_area_px  optional: pixels of the object's mask

Rows of one sample may lie anywhere in the file. Detections below `min_score` are ignored.
"""

import os
from pathlib import Path

import duckdb

from dejavu.errors import DataError
from dejavu.params.caption import ObjectsParams, TableObjectsParams
from dejavu.progress import say

REQUIRED = {"sample_name": "VARCHAR", "object": "VARCHAR", "score": "DOUBLE"}
OPTIONAL = {"x0": "FLOAT", "y0": "FLOAT", "x1": "FLOAT", "y1": "FLOAT", "mask_area_px": "BIGINT"}
_READERS = {".parquet": "read_parquet", ".jsonl": "read_json", ".csv": "read_csv"}


def register(database: duckdb.DuckDBPyConnection, settings: ObjectsParams, data_root: str) -> None:
    """Make the views `annotated` and `detections` from the table that `settings` names.

    Raises:
        DataError: the file is missing, lacks a column, holds a value of a wrong type, or a score
            that is missing or outside [0, 1].
    """
    assert isinstance(settings, TableObjectsParams)
    path = Path(os.environ.get("DEJAVU_DATA_ROOT") or data_root) / settings.path
    try:
        _create_table(database, path)
    except duckdb.Error as error:
        raise DataError(f"{path}: cannot be read as a table of detections: {error}") from None
    _require_scores(database, path)
    unknown = "FROM detected ANTI JOIN samples USING (sample_name)"
    n_unknown = _count(database, f"SELECT count(DISTINCT sample_name) {unknown}")
    if n_unknown:
        say(f"annotate_objects: {n_unknown} names in {path} belong to no sample; ignored")
    database.execute(
        "CREATE VIEW annotated AS SELECT DISTINCT sample_id FROM detected JOIN samples USING (sample_name)"
    )
    database.execute(
        "CREATE VIEW detections AS SELECT sample_id, detected.* EXCLUDE (sample_name) "  # noqa: S608
        "FROM detected JOIN samples USING (sample_name) "
        f"WHERE object IS NOT NULL AND score >= {settings.min_score!r}"
    )


def _create_table(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    if path.suffix not in _READERS:
        raise DataError(f"{path}: expected a file that ends in {', '.join(sorted(_READERS))}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file; caption.objects.path names it.")
    source = f"{_READERS[path.suffix]}('{str(path).replace(chr(39), chr(39) * 2)}')"
    found = database.sql(f"SELECT * FROM {source} LIMIT 0").columns  # noqa: S608
    if lacking := sorted(set(REQUIRED) - set(found)):
        raise DataError(
            f"{path}: lacks column {', '.join(lacking)}; expected {', '.join(REQUIRED)} and "
            f"optionally {', '.join(OPTIONAL)}; found {', '.join(found)}."
        )
    columns = [
        f"CAST({name} AS {kind}) AS {name}" if name in found else f"CAST(NULL AS {kind}) AS {name}"
        for name, kind in (REQUIRED | OPTIONAL).items()
        if name != "object"
    ]
    database.execute(
        f"CREATE TABLE detected AS SELECT {', '.join(columns)}, "  # noqa: S608
        f"nullif(trim(CAST(object AS VARCHAR)), '') AS object FROM {source}"
    )


def _require_scores(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    wrong = (
        "FROM detected WHERE object IS NOT NULL AND (score IS NULL OR score NOT BETWEEN 0 AND 1)"
    )
    n_wrong = _count(database, f"SELECT count(*) {wrong}")
    if n_wrong:
        first = database.sql(f"SELECT sample_name, object, score {wrong} LIMIT 1").fetchall()[0]
        raise DataError(
            f"{path}: {n_wrong} detections have no score in [0, 1], e.g. sample {first[0]!r}, object "
            f"{first[1]!r}: {first[2]}."
        )


def _count(database: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(database.sql(query).fetchall()[0][0])
