"""Counts of what is odd in a corpus: of all of it, and of each folder and file of boxes by itself."""

import collections
import dataclasses
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int

MIN_BOXES = 20  # fewer say nothing about where boxes reach
MAX_MIDDLE = 0.95  # twice the middle of boxes in the middle is 1
SHOWN = 5  # places that are named


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
    groups: dict[str, "Tally"] = dataclasses.field(default_factory=dict)  # of boxes, by their place

    def add(self, kind: str, place: str) -> None:
        """Count one more of `kind`, found at `place`."""
        self.counts[kind] += 1
        if len(self.first[kind]) < SHOWN:
            self.first[kind].append(place)

    def reaches(self, x: float, y: float) -> None:
        """Note how far a box reaches, in shares of its image's width and height."""
        self.reach = [max(self.reach[0], x), max(self.reach[1], y)]

    def places(self, x: float, y: float, *, fits_as_size: bool) -> None:
        """Note a box away from the origin: twice its middle, in shares of width and height."""
        self.totals["placed_boxes"] += 1
        self.counts["placed_as_sizes"] += fits_as_size
        self.middles = [self.middles[0] + x, self.middles[1] + y]

    def take(self, other: "Tally", groups: Iterable[str] = ()) -> None:
        """Add what `other` counted, here and in each of `groups`."""
        for mine in (self, *(self.groups.setdefault(name, Tally()) for name in groups)):
            mine.counts += other.counts
            mine.totals += other.totals
            mine.reaches(*other.reach)
            mine.middles = [a + b for a, b in zip(mine.middles, other.middles, strict=True)]
            for kind, places in other.first.items():
                mine.first[kind] += places[: SHOWN - len(mine.first[kind])]

    def look_like_sizes(self) -> bool:
        """Whether boxes read as corners all lie up and to the left, as x, y, width, height do."""
        n = self.totals["placed_boxes"]
        all_fit = n >= MIN_BOXES and self.counts["placed_as_sizes"] == n
        return all_fit and max(self.middles) < MAX_MIDDLE * n


def of_arrays(corners: Int[np.ndarray, "n 4"], sizes: Int[np.ndarray, "n 2"]) -> Tally:
    """Return the counts of boxes that lie inside their images: where they are, and one-pixel ones.

    Args:
        corners: x0, y0, x1, y1, ordered, in whole pixels.
        sizes: width and height of the image of each.
    """
    tally = Tally()
    tally.totals["boxes"] = len(corners)
    if not len(corners):
        return tally
    starts, ends = corners[:, :2], corners[:, 2:]
    tally.counts["one_pixel_boxes"] = int(((ends - starts).min(axis=1) <= 1).sum())
    tally.reaches(*(ends / sizes).max(axis=0).tolist())
    is_placed = (starts > 0).any(axis=1)
    sums: Float[np.ndarray, "n 2"] = (starts + ends)[is_placed]
    fits = (sums <= sizes[is_placed] + 1).all(axis=1)
    tally.totals["placed_boxes"] = int(is_placed.sum())
    tally.counts["placed_as_sizes"] = int(fits.sum())
    tally.middles = (sums / sizes[is_placed]).sum(axis=0).tolist()
    return tally


def turned(tally: Tally) -> str:
    """Say which images with boxes viewers turn: their boxes may be of the image as it was shown."""
    n = tally.counts["turned_images"]
    if not n:
        return ""
    return (
        f"{n} images with boxes are stored turned or mirrored (EXIF orientation), e.g. "
        f"{tally.first['turned_images'][0]}: boxes are taken to be of the image as it is stored. Were "
        "they drawn on it as viewers show it?"
    )
