"""Tables of tags and of guesses that people bring, against the crops of the samples that were looked at."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from dejavu.annotators import tables
from dejavu.check.findings import Absent, Finding, Untried, tried
from dejavu.check.roles import Lane
from dejavu.errors import DataError
from dejavu.image.references import imported
from dejavu.params.predictions import PredictionsParams
from dejavu.params.references import TagTableParams
from dejavu.roles import ATTACKED, REFERENCE
from dejavu.run import outside
from dejavu.tables.schemas import LABELS


def look(values: Mapping[str, Any], known: Lane, data_folder: Path) -> Iterator[Finding]:
    """Read every such table whole, and ask it about the kept crops that were cut here.

    Args:
        values: sections by name.
        known: the listed samples, their roles and crops.
        data_folder: that paths are relative to.
    """
    for name, entry in values.get("image.annotators", {}).items():
        if isinstance(entry.root, TagTableParams):

            def tags(settings: TagTableParams = entry.root) -> str:
                return _tags(settings, known, values["limits"].unannotated, data_folder)

            yield tried("image", f"annotators.{name}, tags", tags)
    for name, entry in values.get("image.predictions", {}).items():

        def guesses(name: str = name, entry: PredictionsParams = entry) -> str:
            return _guesses(name, entry, known, data_folder)

        yield tried("image", f"predictions.{name}", guesses)


def _tags(settings: TagTableParams, known: Lane, limit: float, data_folder: Path) -> str:
    path = outside.located(data_folder, settings.path)
    if not path.exists():
        raise Absent(f"{path}: not there.")
    crops = kept_crops(known, (REFERENCE, *ATTACKED))
    with duckdb.connect() as database:
        database.register("samples", known.rows.select(["sample_id", "sample_name"]))
        n_rows, n_samples = tables.load(database, path, param="image.annotators.*.path")
        database.register("crops", crops)
        missing = database.sql(
            "SELECT sample_name FROM crops WHERE sample_name NOT IN "
            "(SELECT sample_name FROM known JOIN samples USING (sample_id)) ORDER BY ALL"
        ).fetchall()
    n, n_all = len(missing), crops.num_rows
    told = f"{n_rows} tags of {n_samples} samples; {n} of {n_all} kept crops looked at have no row"
    if n > (limit * n_all if settings.allow_missing else 0):
        raise DataError(
            f"{path}: {told}, e.g. {', '.join(name for (name,) in missing[:5])}. A crop in which nothing was "
            "found needs a row whose tag is empty. "
            + (f"Expected at most limits.unannotated = {limit:.1%}." if settings.allow_missing else
               "Annotate the rest, or set allow_missing: true.")
        )  # fmt: skip
    return told


def _guesses(name: str, entry: PredictionsParams, known: Lane, data_folder: Path) -> str:
    path = outside.located(data_folder, entry.path)
    if not path.exists():
        raise Absent(f"{path}: not there.")
    crops = kept_crops(known, ATTACKED)
    names = pa.table(
        {"label_id": range(len(known.labels)), "label": list(known.labels)}, schema=LABELS.schema
    )
    parts = list(imported.guesses(name, path, crops, names, votes=entry.votes))
    return f"a guess for each of {sum(map(len, parts))} attacked crops looked at"


def kept_crops(known: Lane, wanted: tuple[str, ...]) -> pa.Table:
    """Return the kept crops of `wanted` roles among the samples that were looked at.

    Raises:
        Untried: roles or crops are not known here.
    """
    if known.role_of is None or known.crops is None:
        raise Untried("compared with the crops in the run")
    usable = known.usable
    role = known.roles_of(usable["sample_name"])
    chosen = np.isin(role, wanted) & known.crops["is_kept"].to_numpy(zero_copy_only=False)
    rows = usable.append_column("role", pa.array(role.tolist(), pa.string()))
    rows = rows.select(["sample_name", "label_id", "role"]).add_column(
        0, "sample_id", pa.array(known.places_of(usable["sample_name"]))
    )
    for corner in ("x0", "y0", "x1", "y1"):
        rows = rows.append_column(corner, known.crops[corner])
    return rows.filter(pa.array(chosen))
