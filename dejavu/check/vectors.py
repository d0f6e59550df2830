"""Vectors that were made elsewhere, against the samples that need one, as stage ``embed`` will ask them."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from dejavu.check import made_elsewhere, rehearsal
from dejavu.check.clock import Clock
from dejavu.check.findings import Absent, Finding, Untried, tried
from dejavu.check.roles import Lane
from dejavu.corpora.tallies import Tally
from dejavu.errors import DataError
from dejavu.models import imported_vectors, vector_files
from dejavu.models.vector_files import CORNERS, View
from dejavu.roles import ATTACKED, PUBLIC
from dejavu.run import outside
from dejavu.tables import by_sample
from dejavu.tables.views import CROP, PUBLIC_IMAGE, VIEWS, views_of

SECONDS = 30.0  # after which no more rows of a view are read
OPENED = 200  # images of samples without a vector: an unusable one needs none
_ROWS = 8_192


class _Read(NamedTuple):
    """The rows of a view without their vectors."""

    ids: pa.Array
    is_finite: Bool[np.ndarray, " n"]
    is_zero: Bool[np.ndarray, " n"]
    corners: np.ndarray | None


def look(
    values: Mapping[str, Any], known: Lane, data_folder: Path, clock: Clock
) -> Iterator[Finding]:
    """Read every view of every such entry whole, and ask it about the samples that need a vector.

    Args:
        values: sections by name.
        known: the listed samples, their roles and crops.
        data_folder: that paths are relative to.
        clock: of the check.
    """
    for name, entry in values.get(f"{known.name}.models", {}).items():
        if entry.source != "embeddings":
            continue
        places = {(): views_of(entry.modes)} if known.name == "caption" else {
            (layer,): (PUBLIC_IMAGE, CROP) for layer in entry.layers
        }  # fmt: skip
        for layer, views in places.items():
            for view in views:

                def judged(
                    path: str = entry.path, layer: tuple[str, ...] = layer, view: str = view
                ) -> str:
                    root = outside.located(data_folder, path)
                    folder = imported_vectors.layer_folder(root, *layer) if layer else root
                    if not folder.is_dir():
                        raise Absent(f"{folder}: no such folder.")
                    found = imported_vectors.find(folder, view)
                    return _judged(found, known, values, clock)

                yield tried(known.name, f"models.{'.'.join((name, *layer, view))}", judged)


def _judged(view: View, known: Lane, values: Mapping[str, Any], clock: Clock) -> str:
    """Compare a view with the samples that need a vector; the messages are those of the stage.

    Raises:
        DataError: it lacks samples, repeats them, holds numbers that are not finite, or crops of another run.
        Untried: which samples need one is not known here, or there are too many rows to read.
    """
    wanted, told = _wanted(view.name, known)
    read = _read(view, clock.share(SECONDS))
    keys = "sample_name" if pa.types.is_string(read.ids.type) else "sample_id"
    is_missing = by_sample.index_of(wanted[keys], read.ids).is_null()
    unusable = _unusable(wanted.filter(is_missing), known, values, clock)
    wanted = wanted.filter(pc.invert(pc.is_in(wanted["sample_id"], pa.array(unusable, pa.int64()))))
    rows: Int64[np.ndarray, " n"] = by_sample.rows_of(
        read.ids, wanted, path=view.files[0], what=f"vector of view {view.name}"
    )
    imported_vectors.require_crops(view, read.corners, rows, wanted)
    imported_vectors.require_finite(view, read.is_finite[rows], wanted)
    if "cosine" in _metrics(known.name, values) and (is_zero := read.is_zero[rows]).any():
        names = wanted.filter(pa.array(is_zero))["sample_name"]
        raise DataError(
            f"{view.files[0]}: {len(names)} vectors are zero and have no cosine: {by_sample.listed(names)}. "
            "Embed these samples anew, or leave them out."
        )
    more = len(read.ids) - len(rows)
    return f"a vector for each of {len(rows)} {told}; {more} more rows"


def _metrics(lane: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    neighbors = values.get("image.neighbors")
    return neighbors.metrics if lane == "image" and neighbors is not None else ("cosine",)


def _wanted(view: str, known: Lane) -> tuple[pa.Table, str]:
    """Return sample_id and sample_name of all that need a vector, with crops where those are known."""
    if known.role_of is None or not known.is_complete:
        raise Untried("compared with the samples in the run")
    if known.name == "image" and view == CROP:
        return made_elsewhere.kept_crops(known, ATTACKED), "kept crops looked at"
    wanted_roles = (PUBLIC,) if known.name == "image" else VIEWS[view]
    rows = known.rows.select(["sample_id", "sample_name"])
    is_wanted = np.isin(known.role_of, wanted_roles)
    return rows.filter(pa.array(is_wanted)), f"{' or '.join(wanted_roles)} samples listed"


def _read(view: View, seconds: float) -> _Read:
    """Read all rows, and keep no vector."""
    end = time.monotonic() + seconds
    ids: list[pa.Array] = []
    finite: list[np.ndarray] = []
    zero: list[np.ndarray] = []
    corners: list[np.ndarray | None] = []
    for part in _parts(view):
        if time.monotonic() > end:
            raise Untried(f"{view.files[0]}: too many rows to read them here; the run does")
        ids.append(part.ids)
        corners.append(part.corners)
        with np.errstate(over="ignore"):
            numbers = part.vectors.astype(np.float32, copy=False)
        finite.append(np.asarray(np.isfinite(numbers).all(axis=1)))
        zero.append(np.asarray(~numbers.any(axis=1)))
    found = pa.chunked_array(ids).combine_chunks()
    return _Read(
        found, np.concatenate(finite), np.concatenate(zero), imported_vectors.joined(corners)
    )


def _parts(view: View) -> Iterator[vector_files.Rows]:
    if not view.is_matrix:
        yield from vector_files.parts_of(view, vector_files.dimension(view))
        return
    found = vector_files.matrix(view)
    for start in range(0, len(found.ids), _ROWS):
        yield vector_files.Rows(
            found.ids.slice(start, _ROWS), found.vectors[start : start + _ROWS], None
        )


def _unusable(missing: pa.Table, known: Lane, values: Mapping[str, Any], clock: Clock) -> list[int]:
    """Open a few images without a vector; return the ids of those that the run will not use anyway."""
    places = missing["sample_id"].to_pylist()[:OPENED]
    if known.name == "image" and CORNERS[0] in missing.column_names:
        return []  # crops were cut: these were opened
    listed = [known.listed[place] for place in places]
    root = getattr(values[f"{known.name}.corpus"].root, "root", None)
    parts = rehearsal.inspected(
        known.name, values, listed, values["limits"], Tally(), root, values["machine"],
        clock.share(SECONDS),
    )  # fmt: skip
    problems = [problem for part in parts for problem in part["problem"].to_pylist()]
    return [place for place, problem in zip(places, problems, strict=False) if problem]
