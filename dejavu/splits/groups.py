"""Groups of samples that are one image, and the member of each whose name decides for it.

A group is named by the place of its first member, so that a sample without a duplicate is its own group.
"""

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Bool, Int

from dejavu.run.progress import say
from dejavu.splits import pixel_groups
from dejavu.splits.digests import equal_groups
from dejavu.splits.duplicates import firsts, joined, near_groups
from dejavu.splits.listing import Listing, place_type
from dejavu.splits.pixel_groups import LookAt

NAMES_AT_ONCE = 1 << 20  # that are compared; of all samples they would fill the memory


def of_files(listing: Listing) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return the group of identical files of each sample, and which samples have a hash of their file."""
    return equal_groups(listing.column("content_hash"), len(listing))


def of_images(
    listing: Listing,
    files: Int[np.ndarray, " n"],
    near_duplicate_bits: int | None,
    look_at: LookAt | None,
) -> Int[np.ndarray, " n"]:
    """Return the group of each sample; identical and nearly identical images share it.

    Args:
        listing: column perceptual_hash of table ``samples``.
        files: groups of identical files, see `of_files`.
        near_duplicate_bits: in which perceptual hashes may differ; None compares only files.
        look_at: opens images by place, to confirm large groups; None: hashes decide alone.
    """
    if near_duplicate_bits is None:
        return files
    near = _close(listing, near_duplicate_bits)
    if look_at is not None:
        torn = pixel_groups.confirmed(near, files, look_at)
        before, after = (int(is_shared(each).sum()) for each in (near, torn))
        if before != after:
            say(
                f"split: of {before} samples whose perceptual hash is close to another's, {after} have "
                "pixels like it"
            )
        near = torn
    return joined(files, near)


def _close(listing: Listing, max_bits: int) -> Int[np.ndarray, " n"]:
    hashes, n_known = np.empty(len(listing), dtype=np.int64), 0
    is_known = np.empty(len(listing), dtype=bool)
    for rows, values in listing.column("perceptual_hash"):
        is_known[rows] = values.is_valid().to_numpy(zero_copy_only=False)
        known = values.drop_null().to_numpy()
        hashes[n_known : n_known + len(known)] = known
        n_known += len(known)
    groups = firsts(near_groups(hashes[:n_known], max_bits=max_bits))
    del hashes
    if n_known == len(listing):
        return groups
    places = np.flatnonzero(is_known).astype(place_type(len(listing)))
    near = np.arange(len(listing), dtype=places.dtype)
    near[places] = places[groups]
    return near


def is_shared(groups: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Return which samples share their group with another.

    >>> is_shared(np.array([0, 1, 0])).tolist()
    [True, False, True]
    """
    shared = groups != np.arange(len(groups), dtype=groups.dtype)
    shared[groups[shared]] = True
    return shared


def leaders(groups: Int[np.ndarray, " n"], listing: Listing) -> Int[np.ndarray, " n"]:
    """Return, per sample, the place of its group's member whose name sorts first.

    Only names of duplicates are read, whole groups of about `NAMES_AT_ONCE` samples at a time.
    """
    shared = np.flatnonzero(is_shared(groups))
    leader = groups.copy()  # of the group that is named by each place
    members = shared[np.argsort(groups[shared], kind="stable")]
    del shared
    start = 0
    while start < len(members):
        end = min(start + NAMES_AT_ONCE, len(members))
        # the last group is not torn
        end = start + int(
            np.searchsorted(groups[members[start:]], groups[members[end - 1]], "right")
        )
        places = np.sort(members[start:end])
        places = places[pc.sort_indices(listing.take("sample_name", places)).to_numpy()]
        group, first = np.unique(groups[places], return_index=True)
        leader[group] = places[first]
        start = end
    return leader[groups]
