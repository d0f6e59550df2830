"""Boxes in another unit, order or size: what all of them, or all of one folder, say together.

One box of x, y, width, height may be a right box of corners, and one box of a smaller version of its image a
right box of a smaller object. Twenty of one source are not. So each folder, each file of boxes and each
given role is judged by itself: sources differ from folder to folder. What is mixed row by row within one
folder, and fits, is told by no count: the contact sheet of `dejavu check` shows such boxes first.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from dejavu.corpora.tallies import MIN_BOXES, Tally
from dejavu.params.limits import LimitsParams

LEVEL = 0.001  # chance that no group of a corpus whose boxes are right exceeds what is expected
_SHOWN = 5


def problems(tally: Tally, limits: LimitsParams) -> list[str]:
    """Return what all boxes together say against their unit."""
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
    if n >= MIN_BOXES and 0 < min(tally.reach) < limits.min_box_reach:  # 0: none was kept
        return [_short(tally, limits)]
    if tally.look_like_sizes() and limits.swapped_boxes < 1:
        return [_sizes(tally)]
    return []


def _short(tally: Tally, limits: LimitsParams) -> str:
    across, down = tally.reach
    return (
        f"not one of {tally.totals['boxes']} boxes reaches beyond {across:.0%} of the width and "
        f"{down:.0%} of the height of its image, expected one that reaches limits.min_box_reach = "
        f"{limits.min_box_reach:.0%}."
        "\n  Are they pixels of a smaller version of the images, or per cent, or per mille? "
        "Boxes are pixels of the image as it is stored."
    )


def _sizes(tally: Tally) -> str:
    placed = tally.totals["placed_boxes"]
    return (
        f"all {placed} boxes that do not start at the origin fit their images if read as x, y, width, "
        f"height; read as corners, all have their middle in the upper left quarter (on average "
        f"at {tally.middles[0] / placed / 2:.0%} of the width and {tally.middles[1] / placed / 2:.0%} of "
        "the height). x1, y1 are the right and lower edges. If it is meant so: limits.swapped_boxes: 1."
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What one group of boxes says against itself."""

    group: str  # name of the folder, file or role
    limit: str  # key of section limits that says how much would do
    count: int
    total: int
    text: str


def in_groups(
    groups: Mapping[str, Tally],
    limits: LimitsParams,
    *,
    n_all: int | None,
    shares: Mapping[str, str],
) -> list[Odd]:
    """Return what single groups of boxes say, where all boxes together say nothing.

    A share within its limit over the whole corpus may come from one folder alone. A folder is blamed where
    chance, at the limit, would not bring so many in any of them (binomial, `LEVEL` over all groups).

    Args:
        groups: counts by name of the folder, file or role.
        limits: section ``limits``.
        n_all: boxes of the whole corpus, judged already: a group that holds all of them is left out. None:
            none is.
        shares: limits whose share is judged, and what their counted things are.
    """
    judged = {
        name: group
        for name, group in sorted(groups.items())
        if MIN_BOXES <= group.totals["boxes"] != n_all and not _is_whole(name, groups)
    }
    return [
        odd
        for name, group in judged.items()
        for odd in _of_group(name, group, limits, shares, LEVEL / len(judged))
    ]


def _is_whole(name: str, groups: Mapping[str, Tally]) -> bool:
    """Whether a folder holds all boxes of the folder around it, which then stands for both."""
    around = groups.get(name.rstrip("/").rpartition("/")[0] + "/")
    return around is not None and around.totals["boxes"] == groups[name].totals["boxes"]


def told(found: Sequence[Odd]) -> list[str]:
    """Return the first few as text."""
    more = len(found) - _SHOWN
    rest = [f"and {more} more things of this kind in other places"] if more > 0 else []
    return [f"in {odd.group}: {odd.text}" for odd in found[:_SHOWN]] + rest


def _of_group(
    name: str, group: Tally, limits: LimitsParams, shares: Mapping[str, str], level: float
) -> Iterator[Odd]:
    n = group.totals["boxes"]
    if 0 < max(group.reach) < limits.min_box_reach:  # both: a class may well be low, or narrow
        percent = round(100 * max(group.reach))
        yield Odd(
            group=name, limit="min_box_reach", count=percent, total=100, text=_short(group, limits)
        )
    elif group.look_like_sizes() and limits.swapped_boxes < 1:
        placed = group.totals["placed_boxes"]
        yield Odd(group=name, limit="swapped_boxes", count=placed, total=n, text=_sizes(group))
    for each, what in shares.items():
        count, limit = group.counts[each], getattr(limits, each)
        if 0 < limit * n < count and _chance(count, n, limit) < level:
            first = "; ".join(group.first[each])
            text = (
                f"{count} of {n} {what} ({count / n:.1%}), expected at most limits.{each} = {limit:.1%}, and "
                "no more there than elsewhere." + (f"\n  the first: {first}" if first else "")
            )
            yield Odd(group=name, limit=each, count=count, total=n, text=text)


def _chance(count: int, n: int, share: float) -> float:
    """Return the chance of `count` or more among `n`, each with probability `share`."""
    from scipy.stats import binom  # takes half a second, and is asked rarely

    return float(binom.sf(count - 1, n, share))
