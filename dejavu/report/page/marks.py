"""What charts draw: one record per mark, whose fields are what the chart's channels read."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate on the line of its name; None: it has no value, or no interval."""

    name: str
    part: str
    value: float | None
    low: float | None
    high: float | None
    shown: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PaperValue:
    """A value of the paper on the line of ours."""

    name: str
    part: str
    value: float
    shown: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shade:
    """A cell of a heat map: a share in [0, 1]."""

    across: str
    down: str
    value: float | None
    text: str
    shown: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of a line."""

    x: int
    series: str
    value: float
    shown: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounded(Point):
    """A point of a line with its interval; None: it has none."""

    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Counted samples between two values."""

    low: float
    high: float
    part: str
    n: int
