"""Annotations that were made elsewhere (Detic, GroundingDINO, RAM, people), as a table.

One row per tag of a crop, or per detection in an image, as Parquet, JSON lines (.jsonl) or CSV:

    sample_name   the name of the sample, as in samples.parquet; or sample_id
    tag           what was seen, in words (`object` is read too); empty or NULL in the one row of a sample
                  in which nothing was found
    score         how sure the annotator is, in [0, 1]; empty where `tag` is
    x0 y0 x1 y1   optional: the box in pixels
    mask_area_px  optional: pixels of the object's mask

Rows of one sample may lie anywhere in the file.
"""

from pathlib import Path

import duckdb

from dejavu.errors import DataError
from dejavu.run.progress import say

KEYS = {"sample_name": "VARCHAR", "sample_id": "BIGINT"}  # the first that is there counts
NAMES = ("tag", "object")
OPTIONAL = {"x0": "FLOAT", "y0": "FLOAT", "x1": "FLOAT", "y1": "FLOAT", "mask_area_px": "BIGINT"}
_READERS = {".parquet": "read_parquet", ".jsonl": "read_json", ".csv": "read_csv"}


def load(database: duckdb.DuckDBPyConnection, path: Path, *, param: str) -> tuple[int, int]:
    """Make the view `known` of the annotations whose sample is in the view `samples`.

    Its columns are sample_id, name (NULL: nothing was found), score, x0, y0, x1, y1 and mask_area_px.

    Args:
        database: has a view or table `samples` with sample_id and sample_name.
        path: the file.
        param: what names it in params.yaml, for messages.

    Returns:
        The numbers of rows, and of distinct samples, known or not.

    Raises:
        DataError: the file is missing, lacks a column, holds a value of a wrong type, a row without a
            sample, or a score that is missing or outside [0, 1].
    """
    if path.suffix not in _READERS:
        raise DataError(f"{path}: expected a file that ends in {', '.join(sorted(_READERS))}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file; {param} names it.")
    try:
        key = _create_table(database, path)
    except duckdb.Error as error:
        raise DataError(f"{path}: cannot be read as a table of annotations: {error}") from None
    _require_values(database, path, key)
    database.execute(
        "CREATE VIEW known AS SELECT sample_id, annotations.* EXCLUDE (sample) "  # noqa: S608  # a name of KEYS
        f"FROM annotations JOIN samples ON sample = samples.{key}"
    )
    n_rows = _count(database, "SELECT count(*) FROM annotations")
    n_samples = _count(database, "SELECT count(DISTINCT sample) FROM annotations")
    n_known = _count(database, "SELECT count(DISTINCT sample_id) FROM known")
    if n_known < n_samples:
        example = database.sql(
            f"SELECT min(sample) FROM annotations ANTI JOIN samples ON sample = samples.{key}"  # noqa: S608  # as above
        ).fetchall()[0][0]
        say(f"{path}: {n_samples - n_known} of {n_samples} values of {key} are no sample, e.g. "
            f"{example!r}; ignored")  # fmt: skip
    return n_rows, n_samples


def _create_table(database: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Make the table `annotations` and return which column names the sample."""
    source = f"{_READERS[path.suffix]}('{str(path).replace(chr(39), chr(39) * 2)}')"
    found = database.sql(f"SELECT * FROM {source} LIMIT 0").columns  # noqa: S608  # a quoted path
    key = next((name for name in KEYS if name in found), None)
    named = next((name for name in NAMES if name in found), None)
    if key is None or named is None or "score" not in found:
        lacking = ["sample_name or sample_id"] * (key is None) + ["tag"] * (named is None)
        raise DataError(
            f"{path}: lacks column {', '.join(lacking + ['score'] * ('score' not in found))}; expected "
            f"sample_name or sample_id, tag, score and optionally {', '.join(OPTIONAL)}; found "
            f"{', '.join(found)}."
        )
    columns = [
        f"CAST({name if name in found else 'NULL'} AS {kind}) AS {name}"
        for name, kind in OPTIONAL.items()
    ]
    database.execute(
        f"CREATE TABLE annotations AS SELECT CAST({key} AS {KEYS[key]}) AS sample, "  # noqa: S608  # known names
        f"nullif(trim(CAST({named} AS VARCHAR)), '') AS name, CAST(score AS DOUBLE) AS score, "
        f"{', '.join(columns)} FROM {source}"
    )
    return key


def _require_values(database: duckdb.DuckDBPyConnection, path: Path, key: str) -> None:
    if n_nameless := _count(database, "SELECT count(*) FROM annotations WHERE sample IS NULL"):
        raise DataError(f"{path}: {n_nameless} rows have no {key}; expected one in each.")
    wrong = (
        "FROM annotations WHERE name IS NOT NULL AND (score IS NULL OR score NOT BETWEEN 0 AND 1)"
    )
    if n_wrong := _count(database, f"SELECT count(*) {wrong}"):
        first = database.sql(f"SELECT sample, name, score {wrong} LIMIT 1").fetchall()[0]
        raise DataError(
            f"{path}: {n_wrong} rows have no score in [0, 1], e.g. {key} {first[0]!r}, "
            f"{first[1]!r}: {first[2]}."
        )


def _count(database: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(database.sql(query).fetchall()[0][0])
