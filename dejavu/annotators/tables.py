"""Annotations that were made elsewhere (Detic, GroundingDINO, RAM, people), as a table.

One row per tag of a crop, or per detection in an image, in a file that `dejavu.tables.brought` reads:

    sample_name   the name of the sample, as in samples.parquet; or sample_id
    tag           what was seen, in words (`object` is read too); empty or NULL in the one row of a sample
                  in which nothing was found
    score         how sure the annotator is, in [0, 1]; 0 says that `tag` is not there; empty where `tag` is
    x0 y0 x1 y1   optional: the box in pixels
    mask_area_px  optional: pixels of the object's mask

Rows of one sample may lie anywhere in the file.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from dejavu.errors import DataError
from dejavu.run.progress import say
from dejavu.tables import brought
from dejavu.tables.brought_values import Column

KEYS = ("sample_name", "sample_id")  # the first that is there counts
NAMES = ("tag", "object")
OPTIONAL = {"x0": "FLOAT", "y0": "FLOAT", "x1": "FLOAT", "y1": "FLOAT", "mask_area_px": "BIGINT"}
COLUMNS = (
    Column(name="sample_name", kind="text"),
    Column(name="sample_id", kind="integer"),
    *(Column(name=name, kind="text") for name in NAMES),
    *(Column(name=name, kind="number") for name in ("score", "x0", "y0", "x1", "y1")),
    Column(name="mask_area_px", kind="integer"),
)


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
            sample, a score that is missing or outside [0, 1], or samples both with and without a find.
    """
    key = _create_table(database, path, param)
    _require_values(database, path, key)
    # File systems compose the letters of a name in one way or the other: both are the same name.
    same = "sample = sample_id" if key == "sample_id" else "sample = nfc_normalize(sample_name)"
    database.execute(
        "CREATE VIEW known AS SELECT sample_id, annotations.* EXCLUDE (sample) "  # noqa: S608  # fixed names
        f"FROM annotations JOIN samples ON {same}"
    )
    n_rows = _count(database, "SELECT count(*) FROM annotations")
    n_samples = _count(database, "SELECT count(DISTINCT sample) FROM annotations")
    n_known = _count(database, "SELECT count(DISTINCT sample_id) FROM known")
    if n_known < n_samples and _count(database, "SELECT count(*) FROM samples"):
        example = database.sql(
            f"SELECT min(sample) FROM annotations ANTI JOIN samples ON {same}"  # noqa: S608  # as above
        ).fetchall()[0][0]
        say(f"{path}: {n_samples - n_known} of {n_samples} values of {key} are no sample, e.g. "
            f"{example!r}; ignored")  # fmt: skip
    return n_rows, n_samples


class _Stream:
    """The rows of a file for the database, which hides what reading them raises."""

    def __init__(self, path: Path, param: str) -> None:
        self._parts = brought.batches(path, COLUMNS, named_by=param)
        self.schema: pa.Schema = next(self._parts).schema
        self.error: DataError | None = None

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self._rows())

    def _rows(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._parts
        except DataError as error:
            self.error = error
            raise


def _create_table(database: duckdb.DuckDBPyConnection, path: Path, param: str) -> str:
    """Make the table `annotations` and return which column names the sample."""
    stream = _Stream(path, param)
    found = stream.schema.names
    key = next((name for name in KEYS if name in found), None)
    named = next((name for name in NAMES if name in found), None)
    if key is None or named is None or "score" not in found:
        lacking = ["sample_name or sample_id"] * (key is None) + ["tag"] * (named is None)
        raise DataError(
            f"{path}: lacks column {', '.join(lacking + ['score'] * ('score' not in found))}; expected "
            f"sample_name or sample_id, tag, score and optionally {', '.join(OPTIONAL)}; of these it has "
            f"{', '.join(found) or 'none'}."
        )
    columns = [
        f"CAST({name if name in found else 'NULL'} AS {kind}) AS {name}"
        for name, kind in OPTIONAL.items()
    ]
    sample = key if key == "sample_id" else f"nfc_normalize({key})"
    database.register("brought_rows", stream.reader())
    try:
        database.execute(
            f"CREATE TABLE annotations AS SELECT {sample} AS sample, {named} AS name, score, "  # noqa: S608  # known names
            f"{', '.join(columns)} FROM brought_rows"
        )
    except duckdb.Error as error:
        if stream.error is not None:
            raise stream.error from None
        raise DataError(f"{path}: cannot be read as a table of annotations: {error}") from None
    finally:
        database.unregister("brought_rows")
    return key


def _require_values(database: duckdb.DuckDBPyConnection, path: Path, key: str) -> None:
    if n_nameless := _count(database, "SELECT count(*) FROM annotations WHERE sample IS NULL"):
        raise DataError(f"{path}: {n_nameless} rows have no {key}; expected one in each.")
    torn = (
        "FROM annotations GROUP BY sample HAVING count(name) > 0 AND count(*) > count(name) "
        "ORDER BY sample"
    )
    if torn_samples := [
        row[0] for row in database.sql(f"SELECT sample {torn}").fetchall()
    ]:  # fixed text
        raise DataError(
            f"{path}: {len(torn_samples)} samples have a row that says that nothing was found, and rows of "
            f"what was: {brought.listed(torn_samples)}. Keep the one or the other."
        )
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
