"""The figures and tables of the paper as blocks of the page: what it shows there, and ours."""

from collections.abc import Sequence

from dejavu.report import paper
from dejavu.report.page.elements import Block, Figure, Grid


def block(
    key: str, *, figures: Sequence[Figure] = (), grids: Sequence[Grid] = (), absent: str
) -> Block:
    """Return one figure or table of the paper with ours.

    Args:
        key: which one.
        figures: our figures.
        grids: our tables.
        absent: what to say where there is nothing of ours.
    """
    title, shown = paper.SHOWS[key]
    is_empty = not figures and not grids
    return Block(
        key=key, title=title, paper=shown, figures=tuple(figures), grids=tuple(grids),
        absent=absent if is_empty else "",
    )  # fmt: skip
