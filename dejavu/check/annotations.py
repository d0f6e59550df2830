"""Before a run: is it known of every attacked or public sample of the caption lane what it shows?"""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.annotators import objects_corpus, objects_table
from dejavu.caption import annotate, object_bank
from dejavu.check.findings import Untried
from dejavu.check.roles import Lane
from dejavu.params.caption import CorpusObjectsParams, TableObjectsParams
from dejavu.params.limits import LimitsParams


def judge(known: Lane, objects: Any, limits: LimitsParams, data_folder: Path) -> str:
    """Count the samples without annotation, and those of objects that the bank lacks, as the stage will.

    Args:
        known: the listed samples and their roles.
        objects: section ``caption.objects``.
        limits: section ``limits``.
        data_folder: that a path of `objects` is relative to.

    Raises:
        DataError: there are more of either than the limits, or none at all is annotated.
        Untried: a network will look at the images, or roles are not known here.
    """
    if isinstance(objects, CorpusObjectsParams):
        if not known.is_generated:
            objects_corpus.require_labels(
                n_samples=len(known.listed),
                n_labeled=sum(any(box.label for box in each.boxes) for each in known.listed),
            )
    elif not isinstance(objects, TableObjectsParams):
        raise Untried("a network looks at the images, in the run")
    if known.is_generated:
        return "as the corpus states them"
    if known.role_of is None or not known.is_complete:
        raise Untried("known once roles are, in the run")
    rows = known.rows.select(["sample_id", "sample_name"])
    rows = rows.append_column("role", pa.array(known.role_of.tolist()))
    wanted = rows.filter(pc.is_in(rows["role"], pa.array(annotate.ANNOTATED_ROLES)))
    with duckdb.connect() as database:
        database.register("samples", rows)
        database.register("wanted", wanted)
        if isinstance(objects, TableObjectsParams):
            objects_table.register(database, objects, data_folder)
            missing, _ = annotate.unannotated(
                database, allow_missing=objects.allow_missing, limit=limits.unannotated
            )
            n_missing = len(missing)
            database.execute("CREATE VIEW shown AS SELECT sample_id, object FROM detections")
        else:
            n_missing = 0  # samples that the corpus did not annotate have no role
            database.register("shown", _stated(known))
        told, _ = object_bank.judge(database, limits.labels_without_bank)
    n = wanted.num_rows
    return f"{n - n_missing} of {n} target, control and public samples are annotated; {told}"


def _stated(known: Lane) -> pa.Table:
    pairs = [
        (place, box.label)
        for place, record in enumerate(known.listed)
        for box in record.boxes
        if box.label
    ]
    columns = {"sample_id": [place for place, _ in pairs], "object": [name for _, name in pairs]}
    return pa.table(columns, pa.schema({"sample_id": pa.int64(), "object": pa.string()}))
