"""Tags of crops from a table that was made elsewhere, see `dejavu.annotators.tables`.

The tags must be of the crops that table ``crops`` describes, not of whole images: those show the object
whose label is to be guessed.
"""

import dataclasses
import tempfile
from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from dejavu.annotators import tables
from dejavu.annotators.detections import DECIMALS
from dejavu.annotators.source import CropSource
from dejavu.errors import DataError
from dejavu.params.machine import MachineParams
from dejavu.params.references import TagTableParams
from dejavu.roles import ATTACKED, REFERENCE
from dejavu.run import outside
from dejavu.tables import by_sample, parquet


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TagTable:
    """The tags of the crops, read and ranked."""

    vocabulary: tuple[str, ...]
    provenance: Mapping[str, str]
    sample_ids: Int64[np.ndarray, " n"]  # ascending
    tag_ids: pa.Array  # list<int32>, one per sample
    scores: pa.Array  # list<float>
    known: Int64[np.ndarray, " known"]  # samples that the table speaks of, with tags or without
    columns: tuple[str, ...] = ()
    crops_per_shard: int = 16_384
    num_gpus: float = 0.0

    def tag(self, crops: pa.Table) -> tuple[list[list[int]], list[list[float]]]:
        """Return the tags of each crop; none where nothing was found."""
        wanted = crops["sample_id"].to_numpy()
        rows, is_listed = by_sample.positions(self.sample_ids, wanted)
        taken = pa.array(rows, mask=~is_listed)
        return tuple(  # type: ignore[return-value]  # two lists, in this order
            [row or [] for row in lists.take(taken).to_pylist()]
            for lists in (self.tag_ids, self.scores)
        )


def prepare(
    settings: TagTableParams,
    source: CropSource,
    *,
    seed: int,  # noqa: ARG001  # every annotator is given one; this one draws nothing
    machine: MachineParams,
) -> TagTable:
    """Read the table, and rank the tags of each kept crop: score, then name.

    Raises:
        DataError: the file is missing or breaks the format, or does not know a crop and
            ``allow_missing`` is false.
    """
    path = outside.located(machine.data_folder, settings.path)
    crops = source.kept((REFERENCE, *ATTACKED), columns=["sample_name"])
    with duckdb.connect() as database, tempfile.TemporaryDirectory() as spill:
        database.execute("SET temp_directory = ?", [spill])
        database.read_parquet(str(source.samples)).create_view("samples")
        database.register("crops", crops.select(["sample_id", "sample_name"]))
        tables.load(database, path, param="image.annotators.*.path")
        _require_all(database, settings, path=str(path), n_crops=crops.num_rows)
        database.execute(_BEST, [DECIMALS, settings.min_score])
        database.execute(_VOCABULARY)
        known = database.sql("SELECT DISTINCT sample_id FROM known ORDER BY sample_id")
        known_ids = known.to_arrow_table()["sample_id"].to_numpy().astype(np.int64)
        names = [row[0] for row in database.sql("SELECT tag FROM vocabulary").fetchall()]
        rows = database.sql(_RANKED, params=[settings.max_tags]).to_arrow_table().combine_chunks()
    return TagTable(
        vocabulary=tuple(names),
        provenance={"tags": parquet.fingerprint(path)},
        sample_ids=rows["sample_id"].to_numpy(),
        tag_ids=_array(rows["tag_ids"]),
        scores=_array(rows["scores"]),
        known=known_ids,
    )


_BEST = """
CREATE TABLE best AS
SELECT sample_id, name AS tag, round(max(score), ?::INTEGER) AS score
FROM known SEMI JOIN crops USING (sample_id)
WHERE name IS NOT NULL AND score > 0 AND score >= ?  -- 0: it was looked for, and is not there
GROUP BY ALL
"""
_VOCABULARY = """
CREATE TABLE vocabulary AS
SELECT (row_number() OVER (ORDER BY tag) - 1)::INTEGER AS tag_id, tag
FROM (SELECT DISTINCT tag FROM best)
ORDER BY tag_id
"""
_RANKED = """
SELECT sample_id,
    list(tag_id ORDER BY score DESC, tag_id)[:$1] AS tag_ids,
    list(score::FLOAT ORDER BY score DESC, tag_id)[:$1] AS scores
FROM best JOIN vocabulary USING (tag)
GROUP BY sample_id
ORDER BY sample_id
"""


def _require_all(
    database: duckdb.DuckDBPyConnection, settings: TagTableParams, *, path: str, n_crops: int
) -> None:
    if settings.allow_missing:
        return
    missing = database.sql("FROM crops ANTI JOIN known USING (sample_id) ORDER BY sample_name")
    if n_missing := len(missing):
        examples = ", ".join(row[1] for row in missing.limit(5).fetchall())
        raise DataError(
            f"{path}: {n_missing} of {n_crops} kept crops have no row, e.g. {examples}. A crop in which "
            "nothing was found needs a row whose tag is empty. Annotate the rest, or set allow_missing "
            "to true: then up to limits.unannotated of them may be missing, and nothing is learned from them."
        )


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
