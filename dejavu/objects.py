"""Which objects each picture shows, from an annotator's detections: the truth of the caption lane."""

import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dejavu import artifacts
from dejavu.errors import DataError
from dejavu.params.caption import ObjectsParams
from dejavu.progress import say
from dejavu.tables import LABELS, OBJECT_VOCABULARY, OBJECTS

ANNOTATED_ROLES = ("target", "control", "public")  # whose objects some later stage reads
BATCH_ROWS = 262_144  # detections held in memory at once
_DETECTION = OBJECTS.schema.field("detections").type.value_type
# An annotator makes two views in the database: `annotated` (sample_id) and `detections` (sample_id,
# object, score, x0, y0, x1, y1, mask_area_px). It finds the view `samples` of samples.parquet.
Annotator = Callable[[duckdb.DuckDBPyConnection, ObjectsParams, str], None]
_ANNOTATORS = {
    "corpus": "dejavu.annotators.objects_corpus:register",
    "table": "dejavu.annotators.objects_table:register",
}


def annotate(
    settings: ObjectsParams,
    *,
    samples: Path,
    labels: Path,
    splits: Path,
    data_root: str,
    out: Path,
    vocabulary: Path,
) -> None:
    """Write the objects of every target, control and public sample, and the vocabulary.

    An object counts once per sample, with its best detection. Object ids follow the names in
    alphabetical order; the vocabulary holds every name of `labels` and every detected one.

    Args:
        settings: section ``caption.objects``.
        samples: the samples table.
        labels: the labels table; it may be empty.
        splits: the splits table made from `samples`.
        data_root: folder that paths in `settings` are relative to.
        out: the folder of the `objects` table to make.
        vocabulary: the `object_vocabulary` table to make.

    Raises:
        DataError: a sample has no annotation and that is not allowed, or the annotations break
            their format.
    """
    module, _, name = _ANNOTATORS[settings.source].partition(":")
    register: Annotator = getattr(importlib.import_module(module), name)
    inputs = {
        "samples": artifacts.fingerprint(samples), "split": artifacts.fingerprint(splits),
    }  # fmt: skip
    scratch = out.with_name(out.name + ".scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    with duckdb.connect() as database:
        database.execute("SET temp_directory = ?", [str(scratch / "spill")])
        for view, path in (("samples", samples), ("splits", splits)):
            database.read_parquet(str(path)).create_view(view)
        roles = ", ".join(f"'{role}'" for role in ANNOTATED_ROLES)
        database.execute(
            f"CREATE VIEW wanted AS SELECT sample_id, sample_name FROM samples JOIN splits "  # noqa: S608
            f"USING (sample_id) WHERE role IN ({roles})"
        )
        register(database, settings, data_root)
        _require_annotated(database, allow_missing=getattr(settings, "allow_missing", False))
        names = _vocabulary(database, LABELS.read(labels)["label"].to_pylist())
        OBJECT_VOCABULARY.write(names, vocabulary, inputs=inputs)
        database.register("vocabulary", names)
        database.execute(_SORTED.format(path=scratch / "sorted.parquet"))
    shutil.rmtree(out, ignore_errors=True)
    rows = _sample_rows(scratch / "sorted.parquet")
    n_rows = OBJECTS.write_stream(rows, out / "part-00000.parquet", inputs=inputs)
    shutil.rmtree(scratch)
    say(f"annotate_objects: {n_rows} samples, {names.num_rows} object names")


_SORTED = """
COPY (
    SELECT sample_id, object_id, score::FLOAT AS score, x0::FLOAT AS x0, y0::FLOAT AS y0,
        x1::FLOAT AS x1, y1::FLOAT AS y1, mask_area_px::BIGINT AS mask_area_px
    FROM wanted SEMI JOIN annotated USING (sample_id)
    LEFT JOIN (detections JOIN vocabulary USING (object)) USING (sample_id)
    ORDER BY sample_id, object_id, score DESC, x0, y0, x1, y1, mask_area_px
) TO '{path}' (FORMAT parquet)
"""


def _require_annotated(database: duckdb.DuckDBPyConnection, *, allow_missing: bool) -> None:
    missing = database.sql(
        "SELECT sample_name FROM wanted ANTI JOIN annotated USING (sample_id) ORDER BY sample_name"
    )
    n_missing, examples = len(missing), [row[0] for row in missing.limit(5).fetchall()]
    if n_missing and not allow_missing:
        raise DataError(
            f"{n_missing} target, control or public samples have no annotation, e.g. "
            f"{', '.join(examples)}. A picture without objects needs a row whose object is empty. "
            "Annotate the rest, or set caption.objects.allow_missing to true to leave them out."
        )
    if n_missing:
        say(f"annotate_objects: {n_missing} samples have no annotation and are left out")


def _vocabulary(database: duckdb.DuckDBPyConnection, labels: list[str]) -> pa.Table:
    found = database.sql(
        "SELECT DISTINCT object FROM detections SEMI JOIN wanted USING (sample_id)"
    ).fetchall()
    names = sorted({name for (name,) in found} | set(labels))
    return pa.table(
        {"object_id": range(len(names)), "object": names}, schema=OBJECT_VOCABULARY.schema
    )


def _sample_rows(detections: Path) -> Iterator[pa.Table]:
    """Turn sorted detections into one row per sample, a bounded number at a time."""
    rest = pq.read_schema(detections).empty_table()
    with pq.ParquetFile(detections) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            rows = pa.concat_tables([rest, pa.Table.from_batches([batch])])
            ids = rows["sample_id"].to_numpy()
            cut = int(np.searchsorted(ids, ids[-1]))  # the last sample may go on in the next batch
            if cut:
                yield _grouped(rows.slice(0, cut))
            rest = rows.slice(cut)
    yield _grouped(rest)


def _grouped(rows: pa.Table) -> pa.Table:
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
