"""A gate for what cannot be right: odd boxes and images are counted, and above a limit refused.

A file of boxes in another unit, order or size is repaired box by box until it fits, and measures nothing.
So repairs are counted with the rows they were made in, and more of one kind than section ``limits``
allows is an error. A raised limit that is crossed is noted in the table's metadata (`NOTES`).
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from dejavu.corpora import box_units
from dejavu.corpora.box_units import Odd
from dejavu.corpora.tallies import MIN_BOXES, Tally
from dejavu.errors import DataError
from dejavu.params.limits import LimitsParams

NOTES = "plausibility"
UNANNOTATED = (
    "unannotated"  # notes in table tags: kept crops that the annotator does not know, by role
)
# Tables below the data folder that carry notes of crossed limits, by lane; * stands for any annotator
NOTED = {
    "image": ("image/samples.parquet", "image/splits.parquet", "image/tags/*/tags"),
    "caption": ("caption/samples.parquet", "caption/splits.parquet", "caption/unannotated.parquet"),
}
DEFAULT_REACH = 0.6  # as in params.yaml


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
    problems = box_units.problems(tally, limits)
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
    found = in_groups(tally.groups, limits, n_all=tally.totals["boxes"])
    problems = problems or box_units.told(found)
    for odd in in_groups(tally.groups, as_it_comes(limits), n_all=tally.totals["boxes"]):
        notes.setdefault(odd.limit, json.dumps([odd.count, odd.total]))
    if tally.look_like_sizes():
        notes["swapped_boxes"] = json.dumps([tally.totals["placed_boxes"], tally.totals["boxes"]])
    if tally.totals["boxes"] >= MIN_BOXES and min(tally.reach) < DEFAULT_REACH:
        notes["min_box_reach"] = json.dumps([round(100 * min(tally.reach)), 100])
    refuse(problems, where=where)
    return notes


def in_groups(
    groups: Mapping[str, Tally], limits: LimitsParams, *, n_all: int | None = None
) -> list[Odd]:
    """Return what single folders, files or roles say, see `box_units.in_groups`."""
    shares = {name: rule.what for name, rule in RULES.items() if rule.of == "boxes"}
    return box_units.in_groups(groups, limits, n_all=n_all, shares=shares)


def as_it_comes(limits: LimitsParams) -> LimitsParams:
    """Return the limits of params.yaml as it comes: whatever exceeds them was meant to be exceeded."""
    defaults = {name: rule.default for name, rule in RULES.items()}
    return limits.model_copy(update={**defaults, "min_box_reach": DEFAULT_REACH})


def refuse(problems: Sequence[str], *, where: str) -> None:
    """Raise DataError if there is any problem."""
    if problems:
        raise DataError(
            f"{where}: {len(problems)} thing{'s' * (len(problems) > 1)} cannot be right.\n- "
            + "\n- ".join(problems)
            + "\nCorrect the data, or raise these limits if it is meant so; the report then says so."
        )


def crossings(*tables: Path) -> list[Crossing]:
    """Return the raised limits that these tables (files or folders of parts) crossed, as noted in them."""
    found = []
    for path in tables:
        for name, text in notes_of(path, NOTES).items():
            count, total = json.loads(text)
            rule = RULES.get(name, _REACH)
            found.append(
                Crossing(name=name, count=count, total=total, default=rule.default, what=rule.what)
            )
    return found


def notes_of(path: Path, topic: str) -> dict[str, str]:
    """Return what a table (a file or a folder of parts) notes about a topic in its metadata."""
    file = path if path.is_file() else min(path.glob("*.parquet"), default=None)
    metadata: Mapping[bytes, bytes] = (pq.read_schema(file).metadata if file else None) or {}
    return dict(json.loads(metadata.get(f"dejavu.{topic}".encode(), b"{}")))


_REACH = Rule(
    what="per cent of its image's width or height is as far as any box reaches", of="",
    default=DEFAULT_REACH, advice="",
)  # fmt: skip


def _hint(name: str, tally: Tally) -> str:
    if name == "swapped_boxes" and tally.counts["fit_as_sizes"] == tally.totals["boxes"]:
        return " All boxes fit their images if read as x, y, width, height."
    return ""
