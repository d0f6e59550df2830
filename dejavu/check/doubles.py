"""Search for duplicates among the samples that were looked at, as stage ``split`` will among all."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from dejavu.check.findings import Untried
from dejavu.check.roles import Lane
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.roots import external_root
from dejavu.params.machine import MachineParams
from dejavu.roles import ROLES
from dejavu.splits import groups, pixel_groups
from dejavu.splits.listing import Listing

_SHOWN = 3
_AT_ONCE = 100


def look(known: Lane, values: Mapping[str, Any], machine: MachineParams, seconds: float) -> str:
    """Group identical and nearly identical images, and say which given roles they tie together.

    Args:
        known: the samples that were looked at.
        values: sections by name.
        machine: where corpora lie, and how many threads open images.
        seconds: after which no more images are opened to confirm by pixels what hashes say.

    Raises:
        Untried: the listing or the settings give nothing to compare, or time ran out.
    """
    rows = known.usable
    if known.is_generated:
        return "images are made in the run, which looks among all"
    if not rows.num_rows or rows["content_hash"].null_count == rows.num_rows:
        raise Untried("no hashes of images here; found by the run where there are any")
    root = getattr(values[f"{known.name}.corpus"].root, "root", None)
    split = values[f"{known.name}.split"]
    bits = split.near_duplicate_bits
    listing = Listing.of_table(rows)
    files, _ = groups.of_files(listing)
    if root is None:
        group = groups.of_images(listing, files, bits, None)
    else:
        with ImageReader(external_root(machine.data_root, root)) as reader:
            started = time.monotonic()

            def look_at(wanted: Int64[np.ndarray, " n"]) -> pixel_groups.Look:
                uris = listing.take("uri", wanted)
                opened = pixel_groups.looker(reader, uris, wanted, workers=machine.workers)
                return _in_time(opened, seconds - (time.monotonic() - started))

            group = groups.of_images(listing, files, bits, look_at)
    n = int(groups.is_shared(group).sum())
    compared = (rows.num_rows / known.n) ** 2
    return (
        f"{n} of {rows.num_rows} samples looked at duplicate another of them"
        + (_leaks(known, group) if split.roles_from is not None else "")
        + f" ({compared:.1%} of all pairs were compared; the run compares the rest)"
    )


def _in_time(look: pixel_groups.Look, seconds: float) -> pixel_groups.Look:
    """Return `look`, which gives up once `seconds` are over."""
    end = time.monotonic() + seconds

    def looked(
        places: Int64[np.ndarray, " n"],
    ) -> tuple[UInt8[np.ndarray, "n values"], Bool[np.ndarray, " n"]]:
        parts = []
        for start in range(0, len(places), _AT_ONCE):
            if time.monotonic() > end:
                raise Untried("too many images have hashes alike to open them here; the run does")
            parts.append(look(places[start : start + _AT_ONCE]))
        pixels, is_read = zip(*parts, strict=True)
        return np.concatenate(pixels), np.concatenate(is_read)

    return looked


def _leaks(known: Lane, group: np.ndarray) -> str:
    """Say which given roles hold one image; drawn roles keep duplicates together."""
    names = known.usable["sample_name"]
    roles = known.roles_of(names)
    order = np.lexsort((np.arange(len(group)), group))
    left, right = order[:-1], order[1:]
    is_used = np.isin(roles, ROLES)
    crossing = (group[left] == group[right]) & (roles[left] != roles[right])
    crossing &= is_used[left] & is_used[right]
    pairs = [
        f"{names[int(a)]} ({roles[a]}) and {names[int(b)]} ({roles[b]})"
        for a, b in zip(left[crossing].tolist(), right[crossing].tolist(), strict=True)
    ]
    if not pairs:
        return ""
    return f"; {len(pairs)} pairs lie in two roles, e.g. {'; '.join(pairs[:_SHOWN])}"
