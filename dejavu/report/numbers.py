"""How a number enters the report: rounded, with its interval, and never NaN."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from dejavu.statistics import intervals, resampling
from dejavu.tables.records import fields_of

DECIMALS = 6  # of shares in results.json; resampling noise is far larger
Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"
Node = dict[str, Json]  # what is written as JSON
Value = str | int | float | bool | None  # of a flat table, which a spreadsheet can show
Line = dict[str, Value]
Rows = list[Line]
_NO_INTERVAL = "undefined in more than 1 % of the resamples"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number as it is reported, with its 95 % interval; null has its reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None  # why there is no value, or no interval
    has_interval: bool = True  # False: by its nature it has none

    def node(self, name: str) -> Node:
        """Return ``<name>``, ``<name>_ci95`` and, where one of them is null, ``<name>_reason``."""
        found: Node = {name: self.value}
        if self.has_interval:
            found[f"{name}_ci95"] = None if self.low is None else [self.low, self.high]
        if self.reason is not None:
            found[f"{name}_reason"] = self.reason
        return found

    def cells(self, column: str) -> Line:
        """Return the columns ``<column>``, ``<column>_low`` and ``<column>_high`` of a table."""
        return {column: self.value, f"{column}_low": self.low, f"{column}_high": self.high}

    def bounds(self) -> Line:
        """Return the columns ``low`` and ``high`` of a table that holds one estimate."""
        return {"low": self.low, "high": self.high}


NOTHING = Estimate(value=None)  # what was not measured at all


def rounded(value: float) -> float:
    """Return a share as it is written: six decimals, no negative zero."""
    return round(float(value), DECIMALS) + 0.0


def significant(value: float) -> float:
    """Return a p-value as it is written: six significant digits."""
    return float(f"{value:.6g}")


def estimate(
    value: float | None,
    resampled: Float64[np.ndarray, " resamples"] | None = None,
    *,
    reason: str | None = None,
) -> Estimate:
    """Return a number and, where it was resampled, its 95 % percentile interval.

    Args:
        value: None or NaN where it is not defined.
        resampled: the number in each resample; None: it has no interval.
        reason: why `value` is not defined.
    """
    has_interval = resampled is not None
    if value is None or math.isnan(value):
        return Estimate(value=None, reason=reason or "undefined", has_interval=has_interval)
    if resampled is None:
        return Estimate(value=rounded(value), has_interval=False)
    bounds = resampling.interval(resampled)
    if bounds is None:
        return Estimate(value=rounded(value), reason=f"no interval: {_NO_INTERVAL}")
    return Estimate(value=rounded(value), low=rounded(bounds[0]), high=rounded(bounds[1]))


def bounded(
    value: float | None, bounds: Callable[[], tuple[float, float]], *, reason: str | None = None
) -> Estimate:
    """Return a number with an interval that follows from counts.

    Args:
        value: None where it is not defined.
        bounds: returns its interval; asked only where there is a value.
        reason: why `value` is not defined.
    """
    if value is None:
        return Estimate(value=None, reason=reason or "undefined")
    low, high = bounds()
    return Estimate(value=rounded(value), low=rounded(low), high=rounded(high))


def shared(value: float | None, n_hits: int, n: int) -> Estimate:
    """Return a share as a query gives it, unrounded, with Wilson's interval; none where n is 0."""
    low, high = intervals.wilson(n_hits, n) if n else (None, None)
    return Estimate(value=value, low=low, high=high)


def line(record: object) -> Line:
    """Return the fields of a record as a line of a flat table."""
    return {name: getattr(record, name) for name in fields_of(record)}


def nest(rows: Sequence[Line], keys: Sequence[str]) -> Node:
    """Return lines as dicts nested by the values of `keys`, in that order.

    >>> nest([{"a": "x", "b": 1, "n": 3}], ["a", "b"])
    {'x': {'1': {'n': 3}}}
    """
    if not keys:
        return {name: value for each in rows for name, value in each.items()}
    first, *rest = keys
    groups: dict[str, Rows] = {}
    for each in rows:
        own = {name: value for name, value in each.items() if name != first}
        groups.setdefault(str(each[first]), []).append(own)
    return {name: nest(group, rest) for name, group in groups.items()}
