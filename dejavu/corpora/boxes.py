"""Repair bounding boxes: corpora state some with swapped corners, beyond the image, or of another size."""

import math
from collections.abc import Iterator, Sequence

from dejavu.corpora.records import Box, Record
from dejavu.corpora.tallies import Tally

SHARES_REACH = 1.5  # shares of width and height that annotators let reach beyond their image
MAX_CORNER = 2.0**53  # beyond it, or NaN, nobody can say which pixel is meant
FEW_PX = 8  # an image of so few pixels may have a box of one or two
ASPECT_TOLERANCE = 0.02  # a smaller version has rounded sides; a larger difference is another shape


def of_record(
    record: Record, width_px: int | None, height_px: int | None, tally: Tally
) -> list[Box]:
    """Return the boxes of a sample, repaired; `tally` is told of them, also by folder of the image.

    Folders are judged by themselves because sources, and roles, differ from folder to folder. An image
    of unknown size has no boxes.
    """
    if not record.boxes or width_px is None or height_px is None:
        return []
    here = Tally()
    place = f"{record.boxes_from}, {record.name}" if record.boxes_from else record.name
    boxes = repair(
        record.boxes, width_px=width_px, height_px=height_px, tally=here,
        stated_px=record.boxes_px, place=place,
    )  # fmt: skip
    tally.take(here, groups=_groups(record))
    return boxes


def _groups(record: Record) -> Iterator[str]:
    folders = (record.uri or record.name).split("#")[0].split("/")[:-1]
    yield from ("/".join(folders[:n]) + "/" for n in range(1, len(folders) + 1))


def repair(
    boxes: Sequence[Box],
    *,
    width_px: int,
    height_px: int,
    tally: Tally,
    stated_px: tuple[int, int] | None = None,
    place: str = "",
) -> list[Box]:
    """Return `boxes` in whole pixels, with ordered corners inside the image, without those empty there.

    Fractions of pixels are rounded outward, so that a crop beside a box shows nothing of the object.
    Where one box of an image cannot be read, or boxes are of an image of another shape, nobody knows
    where its objects are: it then has no box at all.

    Args:
        boxes: as the corpus states them.
        width_px: of the image.
        height_px: of the image.
        tally: is told how many boxes were rescaled, swapped, clamped and dropped, and where.
        stated_px: width and height of the image that `boxes` refer to, if it is another one; they
            are rescaled.
        place: names the image and the file of its boxes, for messages.
    """
    tally.totals["boxes"] += len(boxes)
    size = (width_px, height_px)
    is_other = stated_px is not None and stated_px != size
    unknown = [box for box in boxes if not all(abs(corner) < MAX_CORNER for corner in box.corners)]
    if unknown or (boxes and is_other and not _same_shape(stated_px, size)):
        reason = f"in {stated_px[0]}x{stated_px[1]}" if stated_px and not unknown else "unreadable"
        for box in boxes:
            tally.add("dropped_boxes", f"{_told(box, place, size)} {reason}")
        return []
    kept = []
    for box in boxes:
        told = _told(box, place, size)
        _note_shares(box, size, tally, told)
        if is_other:
            tally.add("rescaled_boxes", told)
        whole = _inside(box, stated_px or size, size, tally, told)
        if whole is not None:
            kept.append(whole)
    return kept


def _note_shares(box: Box, size: tuple[int, int], tally: Tally, told: str) -> None:
    """Note a box that reads as shares of width and height; of an object at the rim they exceed 1."""
    if max(box.corners) <= 1 and min(box.corners) >= 0:
        tally.add("relative_boxes", told)
    is_tiny = max(map(abs, box.corners)) <= SHARES_REACH and min(size) > FEW_PX
    if (is_tiny or max(box.corners) <= 1) and any(corner % 1 for corner in box.corners):
        tally.add("fractional_boxes", told)


def _inside(
    box: Box, stated: tuple[int, int], size: tuple[int, int], tally: Tally, told: str
) -> Box | None:
    x, y, right, lower = box.corners
    fits_as_size = x >= 0 and y >= 0 and x + right <= stated[0] + 1 and y + lower <= stated[1] + 1
    tally.counts["fit_as_sizes"] += fits_as_size
    if x > 0 or y > 0:  # from the origin, corners and sizes are the same numbers
        tally.places((x + right) / stated[0], (y + lower) / stated[1], fits_as_size=fits_as_size)
    (x0, x1), (y0, y1) = sorted((box.x0, box.x1)), sorted((box.y0, box.y1))
    if (x0, y0) != (box.x0, box.y0):
        tally.add("swapped_boxes", told)
    corners = (
        math.floor(_scaled(x0, stated[0], size[0])), math.floor(_scaled(y0, stated[1], size[1])),
        math.ceil(_scaled(x1, stated[0], size[0])), math.ceil(_scaled(y1, stated[1], size[1])),
    )  # fmt: skip
    inside = Box(
        max(corners[0], 0), max(corners[1], 0), min(corners[2], size[0]), min(corners[3], size[1]),
        box.label,
    )  # fmt: skip
    if inside.x0 >= inside.x1 or inside.y0 >= inside.y1:
        tally.add("dropped_boxes", told)
        return None
    if max(abs(a - b) for a, b in zip(inside.corners, corners, strict=True)) > 1:
        tally.add("clamped_boxes", told)
    if min(inside.x1 - inside.x0, inside.y1 - inside.y0) <= 1:
        tally.add("one_pixel_boxes", told)
    tally.reaches(inside.x1 / size[0], inside.y1 / size[1])
    return inside


def _scaled(corner: float | int, old: int, new: int) -> float | int:
    """Return `corner` of a side of `old` pixels on one of `new`; exact where corners are whole numbers."""
    if old == new:
        return corner
    whole, rest = divmod(corner * new, old)
    return whole + rest / old


def _same_shape(stated: tuple[int, int] | None, size: tuple[int, int]) -> bool:
    """Whether one size is the other, scaled: each side may be off by a pixel, or by 2 %."""
    assert stated is not None
    scale = size[0] / stated[0]
    off = abs(stated[1] * scale - size[1])
    return off <= max(1.0, scale, ASPECT_TOLERANCE * size[1])


def _told(box: Box, place: str, size: tuple[int, int]) -> str:
    row = f", row {box.row}" if box.row is not None else ""
    corners = ", ".join(f"{corner:g}" for corner in box.corners)
    return f"{place}{row} [{corners}] in {size[0]}x{size[1]}"
