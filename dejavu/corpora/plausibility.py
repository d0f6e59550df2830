"""A gate for what cannot be right: odd boxes and images are counted, and above a limit refused.

A file of boxes in another unit, order or size is repaired box by box until it fits, and measures nothing.
So repairs are counted with the rows they were made in, and more of one kind than section ``limits``
allows is an error. A raised limit that is crossed is noted in the table's metadata (`NOTES`).
"""

import collections
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from dejavu.errors import DataError
from dejavu.params.limits import LimitsParams

NOTES = "plausibility"
# Tables below the data folder that carry notes of crossed limits, by lane
NOTED = {
    "image": ("image/samples.parquet", "image/splits.parquet"),
    "caption": ("caption/samples.parquet", "caption/splits.parquet", "caption/unannotated.parquet"),
}
MIN_BOXES = 20  # fewer say nothing about where boxes reach
MAX_MIDDLE = 0.95  # twice the middle of boxes in the middle is 1
DEFAULT_REACH = 0.6  # as in params.yaml
_SHOWN = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one limit is about."""

    what: str  # what the counted things are, after their number
    of: str  # what their share is of
    default: float  # the limit in params.yaml as it comes; one above it was raised on purpose
    advice: str


RULES: dict[str, Rule] = {
    "swapped_boxes": Rule(
        what="boxes have their second corner left of, or above, the first", of="boxes", default=0.0,
        advice="x1, y1 are the right and lower edges, not width and height.",
    ),
    "clamped_boxes": Rule(
        what="boxes reach beyond their image", of="boxes", default=0.05,
        advice="Boxes are pixels of the image as it is stored; are they of a larger version?",
    ),
    "dropped_boxes": Rule(
        what="boxes are empty, outside their image, unreadable, or of an image of another shape",
        of="boxes", default=0.02,
        advice="Boxes are pixels of the image as it is stored, x0, y0, x1, y1.",
    ),
    "one_pixel_boxes": Rule(
        what="boxes have a side of one pixel", of="boxes", default=0.01,
        advice="Are they shares of width and height, in [0, 1]? Boxes are in pixels.",
    ),
    "one_color_images": Rule(
        what="images are of one color", of="images", default=0.05,
        advice="Are they placeholders of images that could not be had?",
    ),
    "labels_without_bank": Rule(
        what="attacked samples have a label that no public or no reference sample has",
        of="attacked samples", default=0.0,
        advice="Such a label cannot be guessed. Are labels spelled alike in all roles (upper and lower "
        "case count)? Give the public and reference roles samples of each.",
    ),
    "unannotated": Rule(
        what="samples are not annotated: nobody says what they show", of="samples", default=0.02,
        advice="Annotate them, or leave them out. Not annotated is not the same as empty.",
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A limit that was raised on purpose, and crossed."""

    name: str  # key of section limits
    count: int
    total: int
    default: float
    what: str


@dataclasses.dataclass(slots=True)
class Tally:
    """Counts by kind, with the first few places of each."""

    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    totals: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    first: dict[str, list[str]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    reach: list[float] = dataclasses.field(default_factory=lambda: [0.0, 0.0])
    middles: list[float] = dataclasses.field(default_factory=lambda: [0.0, 0.0])  # sums

    def add(self, kind: str, place: str) -> None:
        """Count one more of `kind`, found at `place`."""
        self.counts[kind] += 1
        if len(self.first[kind]) < _SHOWN:
            self.first[kind].append(place)

    def reaches(self, x: float, y: float) -> None:
        """Note how far a box reaches, in shares of its image's width and height."""
        self.reach = [max(self.reach[0], x), max(self.reach[1], y)]

    def places(self, x: float, y: float, *, fits_as_size: bool) -> None:
        """Note a box away from the origin: twice its middle, in shares of width and height."""
        self.totals["placed_boxes"] += 1
        self.counts["placed_as_sizes"] += fits_as_size
        self.middles = [self.middles[0] + x, self.middles[1] + y]

    def look_like_sizes(self) -> bool:
        """Whether boxes read as corners all lie up and to the left, as x, y, width, height do."""
        n = self.totals["placed_boxes"]
        all_fit = n >= MIN_BOXES and self.counts["placed_as_sizes"] == n
        return all_fit and max(self.middles) < MAX_MIDDLE * n


def judge(tally: Tally, limits: LimitsParams, *, where: str) -> dict[str, str]:
    """Refuse what exceeds a limit, and return the notes for the table's metadata.

    Args:
        tally: what was counted.
        limits: section ``limits``.
        where: what the numbers are of, for messages, e.g. ``image.corpus (boxes.csv)``.

    Raises:
        DataError: a limit is exceeded, or all boxes are in another unit; the message names counts,
            limits, the first places and the way out.
    """
    problems = [*_units(tally, limits)]
    notes = {}
    for name, rule in RULES.items():
        count, total = tally.counts[name], tally.totals[rule.of]
        limit = getattr(limits, name)
        if not count or not total:
            continue
        if count > limit * total:
            problems.append(
                f"{count} of {total} {rule.what} ({count / total:.1%}), expected at most limits.{name} = "
                f"{limit:.1%}.\n  the first: {'; '.join(tally.first[name])}\n  {rule.advice}"
                f"{_hint(name, tally)}"
            )
        elif count > rule.default * total:
            notes[name] = json.dumps([count, total])
    if tally.look_like_sizes():
        notes["swapped_boxes"] = json.dumps([tally.totals["placed_boxes"], tally.totals["boxes"]])
    if tally.totals["boxes"] >= MIN_BOXES and min(tally.reach) < DEFAULT_REACH:
        notes["min_box_reach"] = json.dumps([round(100 * min(tally.reach)), 100])
    if problems:
        raise DataError(
            f"{where}: {len(problems)} thing{'s' * (len(problems) > 1)} cannot be right.\n- "
            + "\n- ".join(problems)
            + "\nCorrect the data, or raise these limits if it is meant so; the report then says so."
        )
    return notes


def crossings(*tables: Path) -> list[Crossing]:
    """Return the raised limits that these tables (files or folders of parts) crossed, as noted in them."""
    found = []
    for path in tables:
        file = path if path.is_file() else min(path.glob("*.parquet"), default=None)
        metadata: Mapping[bytes, bytes] = (pq.read_schema(file).metadata if file else None) or {}
        for name, text in json.loads(metadata.get(f"dejavu.{NOTES}".encode(), b"{}")).items():
            count, total = json.loads(text)
            rule = RULES.get(name, _REACH)
            found.append(
                Crossing(name=name, count=count, total=total, default=rule.default, what=rule.what)
            )
    return found


_REACH = Rule(
    what="per cent of its image's width or height is as far as any box reaches", of="",
    default=DEFAULT_REACH, advice="",
)  # fmt: skip


def _units(tally: Tally, limits: LimitsParams) -> list[str]:
    n = tally.totals["boxes"]
    if n and tally.counts["relative_boxes"] == n:
        return [
            f"all {n} boxes have their corners between 0 and 1: shares of width and height, expected "
            "pixels.\n  the first: " + "; ".join(tally.first["relative_boxes"])
            + "\n  Multiply them by the width and height of their images."
        ]  # fmt: skip
    if n_small := tally.counts["fractional_boxes"]:
        return [
            f"{n_small} of {n} boxes lie within the first pixel, with fractions: shares of width and "
            "height, expected pixels.\n  the first: " + "; ".join(tally.first["fractional_boxes"])
            + "\n  Multiply them by the width and height of their images."
        ]  # fmt: skip
    if n >= MIN_BOXES and min(tally.reach) < limits.min_box_reach:
        across, down = tally.reach
        return [
            f"not one of {n} boxes reaches beyond {across:.0%} of the width and {down:.0%} of the height "
            f"of its image, expected one that reaches limits.min_box_reach = {limits.min_box_reach:.0%}.\n"
            "  Are they pixels of a smaller version of the images, or per cent, or per mille? "
            "Boxes are pixels of the image as it is stored."
        ]
    if tally.look_like_sizes() and limits.swapped_boxes < 1:
        placed = tally.totals["placed_boxes"]
        return [
            f"all {placed} boxes that do not start at the origin fit their images if read as x, y, width, "
            f"height; read as corners, all have their middle in the upper left quarter (on average "
            f"at {tally.middles[0] / placed / 2:.0%} of the width and {tally.middles[1] / placed / 2:.0%} of "
            "the height). x1, y1 are the right and lower edges. If it is meant so: limits.swapped_boxes: 1."
        ]
    return []


def _hint(name: str, tally: Tally) -> str:
    if name == "swapped_boxes" and tally.counts["fit_as_sizes"] == tally.totals["boxes"]:
        return " All boxes fit their images if read as x, y, width, height."
    return ""
