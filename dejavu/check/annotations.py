"""Before a run: is it known of every attacked or public sample of the caption lane what it shows?"""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.annotators import objects_corpus, objects_table
from dejavu.caption import annotate
from dejavu.check import roles
from dejavu.check.findings import Untried
from dejavu.check.roles import Lane
from dejavu.params.caption import CorpusObjectsParams, TableObjectsParams


def judge(known: Lane, objects: Any, limit: float, data_folder: Path) -> str:
    """Count the samples without annotation, as stage ``annotate_objects`` will.

    Args:
        known: the listed samples and their roles.
        objects: section ``caption.objects``.
        limit: ``limits.unannotated``.
        data_folder: that a path of `objects` is relative to.

    Raises:
        DataError: there are more than `limit` of them, or none at all is annotated.
        Untried: a network will look at the images, or roles are not known here.
    """
    if isinstance(objects, CorpusObjectsParams):
        if not known.is_generated:
            objects_corpus.require_labels(
                n_samples=len(known.listed),
                n_labeled=sum(any(box.label for box in each.boxes) for each in known.listed),
            )
        return "as the corpus states them"
    if not isinstance(objects, TableObjectsParams):
        raise Untried("a network looks at the images, in the run")
    if known.role_of is None or not known.is_complete:
        raise Untried("known once roles are, in the run")
    rows = roles.listing(known.listed).select(["sample_id", "sample_name"])
    rows = rows.append_column("role", pa.array(known.role_of.tolist()))
    wanted = rows.filter(pc.is_in(rows["role"], pa.array(annotate.ANNOTATED_ROLES)))
    with duckdb.connect() as database:
        database.register("samples", rows)
        database.register("wanted", wanted)
        objects_table.register(database, objects, data_folder)
        missing, _ = annotate.unannotated(
            database, allow_missing=objects.allow_missing, limit=limit
        )
    n = wanted.num_rows
    return f"{n - len(missing)} of {n} target, control and public samples are annotated"
