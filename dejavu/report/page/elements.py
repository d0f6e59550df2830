"""What the page is made of: tables, figures and cards, ready for the templates."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from dejavu.roles import NaiveBayes

Kind = Literal["text", "number"]
MOST_CARDS = 6  # of more models a table stands first
MOST_FIGURES = 8  # of a kind; further ones are folded away
MOST_NAMED = 24  # models or references of one chart


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """Header of a table column; numbers are set to the right and sort by value."""

    title: str
    kind: Kind = "number"


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """What is shown, and what it sorts by."""

    text: str
    order: float | None = None
    is_strong: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table with a caption; long ones scroll below their header."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    is_open: bool = True  # False: folded away below a figure that shows the same numbers
    is_grouped: bool = False  # the first column is no column but the heading of rows that share it

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """Return the columns that are set side by side."""
        return self.columns[1:] if self.is_grouped else self.columns

    def groups(self) -> list[tuple[str | None, list[tuple[Cell, ...]]]]:
        """Return the rows below their heading; None: they have none."""
        if not self.is_grouped:
            return [(None, list(self.rows))]
        found: dict[str, list[tuple[Cell, ...]]] = {}
        for first, *rest in self.rows:
            found.setdefault(first.text, []).append(tuple(rest))
        return list(found.items())


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What a color and shape mean in a chart."""

    name: str
    color: str  # CSS
    shape: str  # of the mark, a name in macros.html.j2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart in two forms, and its numbers as a table."""

    key: str  # id in the page
    title: str
    description: str  # for those who cannot see the chart
    spec: Mapping[str, Any]  # Vega-Lite, drawn by the reader's browser
    svg: str  # the same, drawn already: without scripts and on paper
    legend: tuple[Mark, ...] = ()
    grid: Grid | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One numbered figure or table of the paper: what it shows there, and ours."""

    key: str
    title: str
    paper: str  # what the paper reports, in a sentence
    figures: tuple[Figure, ...] = ()
    grids: tuple[Grid, ...] = ()
    absent: str = ""  # why there is nothing of ours


# Names that the field writes in its own way; other models keep the name that the parameters give them.
_TITLES = {
    "vicreg": "VICReg", "barlow_twins": "Barlow Twins", "dino": "DINO", "simclr": "SimCLR",
    "clip": "CLIP", "supervised": "Supervised", "untrained": "Untrained",
}  # fmt: skip


def some_of(shown: int, total: int, where: str) -> str:
    """Return what a title adds where a chart draws some of many; `where` names what has all of them.

    >>> some_of(24, 100, "the table above"), some_of(3, 3, "the table above")
    (' (24 of 100; all of them in the table above)', '')
    """
    return f" ({shown} of {total}; all of them in {where})" if shown < total else ""


def model_title(name: str) -> str:
    """Return a model's name as the field writes it.

    >>> model_title("barlow_twins"), model_title("my_model")
    ('Barlow Twins', 'my_model')
    """
    return _TITLES.get(name, name)


def reference_title(name: str) -> str:
    """Return a reference's name, short enough for an axis.

    >>> [reference_title(n) for n in ("second_model", "naive_bayes@5", "naive_bayes_words@1", "oracle")]
    ['second model', 'NB@5', 'NB words@1', 'oracle']
    """
    if (tagged := NaiveBayes.named(name)) is not None:
        which = "" if tagged.annotator is None else f" {tagged.annotator.replace('_', ' ')}"
        return f"NB{which}@{tagged.top_k}"
    return name.replace("_", " ")


def objects_title(top: str | int | None) -> str:
    """Return how many predicted objects count.

    >>> objects_title(10), objects_title("all"), objects_title(None)
    ('top 10', 'all objects', 'all objects')
    """
    return "all objects" if top in (None, "all") else f"top {top}"


def slug(text: str) -> str:
    """Return text as part of an id: letters, digits and hyphens.

    >>> slug('a b/"<c>')
    'a-b---c-'
    """
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
