"""Roles that are given, by folder, by a table or by the authors' files of positions, not drawn."""

import collections
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int, Shaped

from dejavu.errors import DataError
from dejavu.params.roles import FolderRoles, GivenRoles, PartitionRoles, TableRoles
from dejavu.roles import ROLES, UNUSED
from dejavu.run.progress import say
from dejavu.tables import brought, brought_arrays, by_sample, parquet
from dejavu.tables.brought_values import Column

MAX_UNBOXED_SHARE = 0.01  # of a partition of annotated images; a few XML files state no object
_ANNOTATED = "bbox"  # names of partitions of annotated images start with it
_COLUMNS = tuple(
    Column(name=name, kind="text", is_required=True) for name in ("sample_name", "role")
)


def read(
    settings: GivenRoles, rows: pa.Table, data_folder: Path
) -> tuple[Shaped[np.ndarray, " n"], dict[str, str]]:
    """Return the role that `settings` gives to each sample, and what names the files it came from.

    Args:
        settings: section ``<lane>.split.roles_from``.
        rows: columns sample_name, uri and boxes of the samples table, in the order of sample_id.
        data_folder: folder that paths of `settings` are relative to.

    Returns:
        Roles (None: nothing is said of the sample), and the fingerprint of the files, if any, under
        the name ``roles``.

    Raises:
        DataError: a file is missing or says something that does not fit these samples.
    """
    roles = np.full(rows.num_rows, None, dtype=object)
    if isinstance(settings, FolderRoles):
        _by_folder(settings.folders, rows, roles)
        return roles, {}
    if isinstance(settings, TableRoles):
        path = data_folder / settings.path
        _by_table(path, rows, roles)
        return roles, {"roles": parquet.fingerprint(path)}
    folder = data_folder / settings.folder
    _by_position(folder, settings, rows, roles)
    _by_folder(settings.folders, rows, roles)
    return roles, {"roles": _fingerprint(folder, settings)}


def settle(
    settings: GivenRoles,
    given: Shaped[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"],
    roles: np.ndarray,
    reasons: np.ndarray,
) -> None:
    """Put given roles over drawn ones, in place.

    Where only folders give roles, the rest keep their draw, but duplicates of a given sample become
    unused (``duplicate_of_given``). A table or partitions say all: what they leave out is
    ``not_listed``.
    """
    is_given = np.array([role is not None for role in given], dtype=bool)
    roles[is_given], reasons[is_given] = given[is_given], None
    reasons[is_given & (roles == UNUSED)] = "given"
    if isinstance(settings, FolderRoles):
        copies = np.isin(groups, groups[is_given]) & ~is_given
        roles[copies], reasons[copies] = UNUSED, "duplicate_of_given"
    else:
        roles[~is_given], reasons[~is_given] = UNUSED, "not_listed"


def mark_leaks(groups: Int[np.ndarray, " n"], roles: np.ndarray, reasons: np.ndarray) -> None:
    """Note on every used sample which other roles hold a duplicate of it (``also_in: public``)."""
    _, group = np.unique(groups, return_inverse=True)
    n_groups = group.max(initial=-1) + 1
    holds = {role: np.bincount(group[roles == role], minlength=n_groups) > 0 for role in ROLES}
    for role in ROLES:
        members = roles == role
        for other in ROLES:
            if other == role:
                continue
            leaking = np.flatnonzero(members & holds[other][group])
            is_first = np.array([reason is None for reason in reasons[leaking]], dtype=bool)
            reasons[leaking[~is_first]] = reasons[leaking[~is_first]] + f", {other}"
            reasons[leaking[is_first]] = f"also_in: {other}"


def _by_folder(folders: Mapping[str, str], rows: pa.Table, roles: np.ndarray) -> None:
    for folder in sorted(folders, key=len):  # a folder within another has the last word
        inside = pc.starts_with(rows["uri"], f"{folder.rstrip('/')}/").to_numpy()
        if not inside.any():
            first = rows["uri"][0].as_py() if rows.num_rows else "nothing"
            raise DataError(
                f"split.roles_from.folders: no image lies below {folder!r}; the first one is "
                f"{first!r}. Folders are relative to the corpus root; does corpus.use list it?"
            )
        roles[inside] = folders[folder]


def _by_table(path: Path, rows: pa.Table, roles: np.ndarray) -> None:
    table = brought.read(path, _COLUMNS, named_by="split.roles_from.path", unique=["sample_name"])
    names, stated = (table[column.name].combine_chunks() for column in _COLUMNS)
    if names.null_count:
        row = pc.index(names.is_null(), value=True).as_py() + 1
        raise DataError(f"{path}: {names.null_count} rows name no sample, the first is row {row}.")
    if unknown := sorted(set(pc.unique(stated).to_pylist()) - {*ROLES, UNUSED}, key=str):
        raise DataError(f"{path}: role {unknown[0]!r} is none of {', '.join((*ROLES, UNUSED))}.")
    place = by_sample.index_of(rows["sample_name"], names)
    known = place.is_valid().to_numpy(zero_copy_only=False)
    if not known.any():
        raise DataError(
            f"{path}: names none of the samples. Its first is {names[0] if len(names) else None}, "
            f"the corpus' first {rows['sample_name'][0] if rows.num_rows else None}."
        )
    roles[known] = np.array(stated.take(place.drop_null()).to_pylist(), dtype=object)
    say(f"{path}: {int(known.sum())} roles; {len(names) - int(known.sum())} names are no sample")


def _by_position(folder: Path, settings: PartitionRoles, rows: pa.Table, roles: np.ndarray) -> None:
    n_boxes = pc.list_value_length(rows["boxes"]).to_numpy()
    counts: collections.Counter[str] = collections.Counter()
    for name, role in sorted(settings.partitions.items()):
        path = folder / f"{name}.npy"
        places = _positions(path, rows.num_rows)
        _require_boxes(path, n_boxes[places])
        other = roles[places]
        clashes = np.array([found not in (None, role) for found in other], dtype=bool)
        if clashes.any():
            raise DataError(
                f"{path}: {int(clashes.sum())} of its {len(places)} positions already have another "
                f"role, the first {other[clashes][0]!r}. train_A, train_B and shared overlap by "
                "design; take bbox_A, bbox_B and public."
            )
        roles[places] = role
        counts[role] += len(places)
    listed = ", ".join(f"{n} {role}" for role, n in sorted(counts.items()))
    say(f"{folder}: {listed} (before unusable images, duplicate captions and caps)")


def _positions(path: Path, n_samples: int) -> Int[np.ndarray, " n"]:
    places = brought_arrays.open_array(path, named_by="split.roles_from.partitions")
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise DataError(
            f"{path}: expected a list of integers, found {places.dtype} {places.shape}."
        )
    if len(places) and not 0 <= int(places.min()) <= int(places.max()) < n_samples:
        raise DataError(
            f"{path}: holds positions from {places.min()} to {places.max()}, but the corpus lists "
            f"{n_samples} samples. Positions count the sorted images of train/ (1,281,167), then "
            "those of val/: list all of them (corpus.use: [train, val], corpus.wnids: null)."
        )
    return np.asarray(places, np.int64)


def _require_boxes(path: Path, n_boxes: Int[np.ndarray, " n"]) -> None:
    """Refuse positions of annotated images that hit images without boxes: the order differs."""
    n_without = int((n_boxes == 0).sum())
    if path.name.startswith(_ANNOTATED) and n_without > MAX_UNBOXED_SHARE * len(n_boxes):
        raise DataError(
            f"{path}: {n_without} of its {len(n_boxes)} images have no box, though it lists "
            "annotated ones: positions belong to another listing, or corpus.boxes is incomplete."
        )


def _fingerprint(folder: Path, settings: PartitionRoles) -> str:
    digest = hashlib.sha256()
    for name in sorted(settings.partitions):
        digest.update(f"{name} {parquet.fingerprint(folder / f'{name}.npy')}\n".encode())
    return digest.hexdigest()[:16]
