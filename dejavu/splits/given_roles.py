"""Roles that are given, by folder, by a table or by the authors' files of positions, not drawn."""

import collections
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int, Int8

from dejavu.errors import DataError
from dejavu.params.roles import FolderRoles, GivenRoles, PartitionRoles, TableRoles
from dejavu.roles import ROLES
from dejavu.run import outside
from dejavu.run.progress import say
from dejavu.splits.digests import Lookup
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import CODED, NO_ROLE, NOT_STATED, Codes, Reasons
from dejavu.tables import brought, brought_arrays, parquet
from dejavu.tables.brought_values import Column

MAX_UNBOXED_SHARE = 0.01  # of a partition of annotated images; a few XML files state no object
_ANNOTATED = "bbox"  # names of partitions of annotated images start with it
_COLUMNS = tuple(
    Column(name=name, kind="text", is_required=True) for name in ("sample_name", "role")
)


def read(settings: GivenRoles, listing: Listing, data_folder: Path) -> tuple[Codes, dict[str, str]]:
    """Return the role that `settings` gives to each sample, and what names the files it came from.

    Args:
        settings: section ``<lane>.split.roles_from``.
        listing: columns sample_name, uri and boxes of the samples table, in the order of sample_id.
        data_folder: folder that paths of `settings` are relative to.

    Returns:
        Codes of roles (`NOT_STATED`: nothing is said of the sample), and the fingerprint of the files,
        if any, under the name ``roles``.

    Raises:
        DataError: a file is missing or says something that does not fit these samples.
    """
    roles = np.full(len(listing), NOT_STATED, dtype=np.int8)
    if isinstance(settings, FolderRoles):
        _by_folder(settings.folders, listing, roles)
        return roles, {}
    if isinstance(settings, TableRoles):
        path = outside.located(data_folder, settings.path)
        _by_table(path, listing, roles)
        return roles, {"roles": parquet.fingerprint(path)}
    folder = outside.located(data_folder, settings.folder)
    _by_position(folder, settings, listing, roles)
    _by_folder(settings.folders, listing, roles)
    return roles, {"roles": _fingerprint(folder, settings)}


def settle(
    settings: GivenRoles,
    given: Codes,
    groups: Int[np.ndarray, " n"],
    roles: Codes,
    reasons: Reasons,
) -> None:
    """Put given roles over drawn ones, in place.

    Where only folders give roles, the rest keep their draw, but duplicates of a given sample become
    unused (``duplicate_of_given``). A table or partitions say all: what they leave out is
    ``not_listed``.
    """
    is_given = given != NOT_STATED
    roles[is_given] = given[is_given]
    reasons.put(is_given, None)
    reasons.put(given == NO_ROLE, "given")
    if isinstance(settings, FolderRoles):
        holds_given = np.zeros(len(groups), dtype=bool)
        holds_given[groups[is_given]] = True
        rest, why = holds_given[groups] & ~is_given, "duplicate_of_given"
    else:
        rest, why = ~is_given, "not_listed"
    roles[rest] = NO_ROLE
    reasons.put(rest, why)


def mark_leaks(groups: Int[np.ndarray, " n"], roles: Codes, reasons: Reasons) -> None:
    """Note on every used sample which other roles hold a duplicate of it (``also_in: public``).

    A group is named by the place of a member.
    """
    held = np.zeros(
        len(groups), dtype=np.uint8
    )  # one bit per role, at the place that names the group
    for code in range(len(ROLES)):
        held[groups[roles == code]] |= 1 << code
    for code in range(len(ROLES)):
        members = np.flatnonzero(roles == code)
        others = held[groups[members]] & ~np.uint8(1 << code)
        for bits in np.unique(others[others > 0]).tolist():
            named = ", ".join(role for other, role in enumerate(ROLES) if bits >> other & 1)
            reasons.put(members[others == bits], f"also_in: {named}")


def _by_folder(folders: Mapping[str, str], listing: Listing, roles: Codes) -> None:
    ordered = sorted(folders, key=len)  # a folder within another has the last word
    n_inside = dict.fromkeys(ordered, 0)
    for rows, uris in listing.column("uri"):
        for folder in ordered:
            inside = _starts_with(uris, f"{folder.rstrip('/')}/")
            roles[rows][inside] = CODED.index(folders[folder])
            n_inside[folder] += int(inside.sum())
    for folder in ordered:
        if not n_inside[folder]:
            first = listing.text("uri", 0) if len(listing) else "nothing"
            raise DataError(
                f"split.roles_from.folders: no image lies below {folder!r}; the first one is "
                f"{first!r}. Folders are relative to the corpus root; does corpus.use list it?"
            )


def _starts_with(texts: pa.Array, start: str) -> Bool[np.ndarray, " n"]:
    found: np.ndarray = pc.starts_with(texts, start).to_numpy(zero_copy_only=False)
    return found


def _by_table(path: Path, listing: Listing, roles: Codes) -> None:
    table = brought.read(path, _COLUMNS, named_by="split.roles_from.path", unique=["sample_name"])
    names, stated = (table[column.name].combine_chunks() for column in _COLUMNS)
    if names.null_count:
        row = pc.index(names.is_null(), value=True).as_py() + 1
        raise DataError(f"{path}: {names.null_count} rows name no sample, the first is row {row}.")
    if unknown := sorted(set(pc.unique(stated).to_pylist()) - set(CODED), key=str):
        raise DataError(f"{path}: role {unknown[0]!r} is none of {', '.join(CODED)}.")
    codes = pc.index_in(stated, value_set=pa.array(CODED)).to_numpy().astype(np.int8)
    n_known = _look_up(names, codes, listing, roles)
    if not n_known:
        raise DataError(
            f"{path}: names none of the samples. Its first is {names[0] if len(names) else None}, "
            f"the corpus' first {listing.text('sample_name', 0) if len(listing) else None}."
        )
    say(f"{path}: {n_known} roles; {len(names) - n_known} names are no sample")


def _look_up(
    names: pa.Array, codes: Int8[np.ndarray, " stated"], listing: Listing, roles: Codes
) -> int:
    """Take the codes of samples by their names, and return of how many samples there is one.

    Where a name is not there as it is written, the same letters composed in another way count (Unicode
    NFC and NFD, which file systems turn into each other).
    """
    as_written, composed = Lookup([names]), None
    n_known = 0
    for rows, wanted in listing.column("sample_name"):
        places = as_written.places(wanted)
        missing = np.flatnonzero(places < 0)
        if len(missing):
            composed = composed or Lookup([pc.utf8_normalize(names, form="NFC")])
            others = pc.utf8_normalize(wanted.take(pa.array(missing)), form="NFC")
            places[missing] = composed.places(others)
        known = places >= 0
        roles[rows][known] = codes[places[known]]
        n_known += int(known.sum())
    return n_known


def _by_position(folder: Path, settings: PartitionRoles, listing: Listing, roles: Codes) -> None:
    has_box = listing.has_box()
    counts: collections.Counter[str] = collections.Counter()
    for name, role in sorted(settings.partitions.items()):
        path = folder / f"{name}.npy"
        places = _positions(path, len(listing))
        _require_boxes(path, has_box[places])
        code, other = CODED.index(role), roles[places]
        clashes = (other != NOT_STATED) & (other != code)
        if clashes.any():
            raise DataError(
                f"{path}: {int(clashes.sum())} of its {len(places)} positions already have another "
                f"role, the first {CODED[other[clashes][0]]!r}. train_A, train_B and shared overlap by "
                "design; take bbox_A, bbox_B and public."
            )
        roles[places] = code
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


def _require_boxes(path: Path, has_box: Bool[np.ndarray, " n"]) -> None:
    """Refuse positions of annotated images that hit images without boxes: the order differs."""
    n_without = int((~has_box).sum())
    if path.name.startswith(_ANNOTATED) and n_without > MAX_UNBOXED_SHARE * len(has_box):
        raise DataError(
            f"{path}: {n_without} of its {len(has_box)} images have no box, though it lists "
            "annotated ones: positions belong to another listing, or corpus.boxes is incomplete."
        )


def _fingerprint(folder: Path, settings: PartitionRoles) -> str:
    digest = hashlib.sha256()
    for name in sorted(settings.partitions):
        digest.update(f"{name} {parquet.fingerprint(folder / f'{name}.npy')}\n".encode())
    return digest.hexdigest()[:16]
