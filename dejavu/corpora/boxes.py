"""Repair bounding boxes: corpora state some with swapped corners, beyond the image, or of another size."""

import collections
from collections.abc import Sequence

from dejavu.corpora.records import Box


def repair(
    boxes: Sequence[Box],
    *,
    width_px: int,
    height_px: int,
    repairs: collections.Counter[str],
    stated_px: tuple[int, int] | None = None,
) -> list[Box]:
    """Return `boxes` with ordered corners inside the image, without those that are empty there.

    Args:
        boxes: as the corpus states them.
        width_px: of the image.
        height_px: of the image.
        repairs: is told how many boxes were ``rescaled``, ``swapped``, ``clamped`` and ``dropped``.
        stated_px: width and height of the image that `boxes` refer to, if it is another one; they
            are rescaled and rounded outward, so that a crop beside them shows nothing of the object.
    """
    kept = []
    if stated_px is not None and stated_px != (width_px, height_px):
        repairs["rescaled"] += len(boxes)
        boxes = [_rescaled(box, stated_px, (width_px, height_px)) for box in boxes]
    for box in boxes:
        x0, x1 = sorted((box.x0, box.x1))
        y0, y1 = sorted((box.y0, box.y1))
        repairs["swapped"] += (x0, y0) != (box.x0, box.y0)
        inside = Box(max(x0, 0), max(y0, 0), min(x1, width_px), min(y1, height_px), box.label)
        if inside.x0 >= inside.x1 or inside.y0 >= inside.y1:
            repairs["dropped"] += 1
            continue
        repairs["clamped"] += (inside.x0, inside.y0, inside.x1, inside.y1) != (x0, y0, x1, y1)
        kept.append(inside)
    return kept


def _rescaled(box: Box, stated: tuple[int, int], true: tuple[int, int]) -> Box:
    """Scale in whole numbers: floor of the smaller and ceiling of the larger corner of each axis."""
    sides = []
    for low, high, old, new in zip((box.x0, box.y0), (box.x1, box.y1), stated, true, strict=True):
        if low <= high:
            sides.append((low * new // old, -(-high * new // old)))
        else:  # swapped corners stay swapped: `repair` counts them
            sides.append((-(-low * new // old), high * new // old))
    (x0, x1), (y0, y1) = sides
    return Box(x0, y0, x1, y1, box.label)
