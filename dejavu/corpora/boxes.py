"""Repair bounding boxes: corpora state some with swapped corners or beyond the picture."""

import collections
from collections.abc import Sequence

from dejavu.corpora.records import Box


def repair(
    boxes: Sequence[Box], *, width_px: int, height_px: int, repairs: collections.Counter[str]
) -> list[Box]:
    """Return `boxes` with ordered corners inside the picture, without those that are empty there.

    Args:
        boxes: as the corpus states them.
        width_px: of the picture.
        height_px: of the picture.
        repairs: is told how many boxes were ``swapped``, ``clamped`` and ``dropped``.
    """
    kept = []
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
