"""Boxes of each given role by themselves: roles from two sources may come with boxes in two units.

Boxes of the trained images in one unit and of the control images in another make crops of two kinds, and
with them an excess of a network that was trained on nothing. Drawn roles are alike by construction.
"""

import json
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.corpora import box_units, plausibility, tallies
from dejavu.corpora.tallies import Tally
from dejavu.params.limits import LimitsParams
from dejavu.roles import ROLES
from dejavu.splits.outcome import CODED, Codes

COLUMNS = ["width_px", "height_px", "boxes"]  # of table samples
_CORNERS = ("x0", "y0", "x1", "y1")


def judge(
    parts: Iterable[pa.Table], roles: Codes, limits: LimitsParams, *, where: str
) -> dict[str, str]:
    """Refuse a split of which one role's boxes are in another unit than they should be.

    Args:
        parts: `COLUMNS` of table ``samples``, in parts; its boxes lie inside their images.
        roles: code of each row's.
        limits: section ``limits``.
        where: what is judged, for messages.

    Returns:
        The notes for the table where a limit that was raised on purpose is crossed.

    Raises:
        DataError: the message names the role and the limit.
    """
    groups = _by_role(parts, roles)
    problems = plausibility.in_groups(groups, limits)
    plausibility.refuse(box_units.told(problems), where=where)
    crossed = plausibility.in_groups(groups, plausibility.as_it_comes(limits))
    return {odd.limit: json.dumps([odd.count, odd.total]) for odd in crossed}


def _by_role(parts: Iterable[pa.Table], roles: Codes) -> Mapping[str, Tally]:
    found = {role: Tally() for role in ROLES}
    start = 0
    for rows in parts:
        _count(rows, roles[start : start + rows.num_rows], found)
        start += rows.num_rows
    return {f"role {role}": tally for role, tally in found.items()}


def _count(rows: pa.Table, roles: Codes, found: Mapping[str, Tally]) -> None:
    lists = rows["boxes"].combine_chunks()
    flat = lists.flatten()
    owners = np.repeat(np.arange(rows.num_rows), pc.list_value_length(lists).to_numpy())
    corners = np.stack([flat.field(name).to_numpy() for name in _CORNERS], axis=1).astype(np.int64)
    sizes = np.stack([rows[name].fill_null(0).to_numpy() for name in COLUMNS[:2]], axis=1).astype(
        np.int64
    )[owners]
    is_sized = (sizes > 0).all(axis=1)
    for role, tally in found.items():
        mine = is_sized & (roles[owners] == CODED.index(role))
        tally.take(tallies.of_arrays(corners[mine], sizes[mine]))
