"""All boxes that a listing states, before any image is opened: what is wrong in any, and the oddest ones.

A few rows in another unit may be told from right ones by eye only. A box of x, y, width, height, of a smaller
version of its image, or in per cent may be a right box of corners of another object. A person who sees it
drawn knows. So the contact sheet shows the samples whose boxes are furthest from the middle of all, in place
and in size.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from dejavu.corpora.records import Box, Record
from dejavu.corpora.tallies import SHOWN, Tally

_SPREAD = 1e-9  # of a feature that all boxes share: then nothing is odd about it


def tally(listed: Sequence[Record]) -> Tally:
    """Count what is wrong with boxes whatever the sizes of their images, over all that are listed."""
    found = Tally()
    found.reaches(1.0, 1.0)  # how far boxes reach is known once images are
    boxes = [(record, box) for record in listed for box in record.boxes]
    corners = _corners([box for _, box in boxes])
    found.totals["boxes"] = len(boxes)
    with np.errstate(invalid="ignore"):
        is_share = ((corners >= 0) & (corners <= 1)).all(axis=1)
        kinds = {
            "relative_boxes": is_share,
            "fractional_boxes": is_share & (corners % 1 != 0).any(axis=1),
            "swapped_boxes": (corners[:, 2:] < corners[:, :2]).any(axis=1),
            "dropped_boxes": ~np.isfinite(corners).all(axis=1),
        }
    for kind, is_wrong in kinds.items():
        found.counts[kind] = int(is_wrong.sum())
        for place in np.flatnonzero(is_wrong)[:SHOWN].tolist():
            record, box = boxes[place]
            row = f", row {box.row}" if box.row is not None else ""
            found.first[kind].append(
                f"{record.name}{row} [{', '.join(f'{c:g}' for c in box.corners)}]"
            )
    return found


def _corners(boxes: Sequence[Box]) -> Float[np.ndarray, "n 4"]:
    return np.array([box.corners for box in boxes], dtype=np.float64).reshape(-1, 4)


def oddest(listed: Sequence[Record], n: int) -> Int[np.ndarray, " found"]:
    """Return the places of the `n` samples whose boxes are least like the others', oddest first.

    Boxes are compared where the listing states them: sizes of images are not known before they are opened.
    """
    owners = np.array([i for i, record in enumerate(listed) for _ in record.boxes], dtype=np.int64)
    corners = _corners([box for record in listed for box in record.boxes])
    sizes = [(r.boxes_px or (1, 1)) for r in listed for _ in r.boxes]
    if not len(owners):
        return owners
    oddness = _oddness(corners / np.tile(np.array(sizes, dtype=np.float64), 2))
    order = np.argsort(-oddness, kind="stable")
    _, first = np.unique(owners[order], return_index=True)
    return owners[order][np.sort(first)][:n]


def _oddness(corners: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Return how far each box is from the median box: the largest of its distances in spreads (MAD)."""
    with np.errstate(all="ignore"):  # corners may be anything
        sides = corners[:, 2:] - corners[:, :2]
        features = np.concatenate(
            [np.log(np.maximum(sides, _SPREAD)), corners[:, :2] + corners[:, 2:]], axis=1
        )
        finite = np.where(np.isfinite(features), features, np.nan)
        gaps = np.abs(finite - np.nanmedian(finite, axis=0))
        found: np.ndarray = gaps / np.maximum(np.nanmedian(gaps, axis=0), _SPREAD)
    return np.where(np.isnan(found).any(axis=1), np.inf, np.nan_to_num(found.max(axis=1)))
