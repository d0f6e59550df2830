"""How a number enters the report: rounded, with its interval, and never NaN."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from dejavu.statistics import resampling

DECIMALS = 6  # of shares in results.json; resampling noise is far larger
Node = dict[str, Any]
_NO_INTERVAL = "undefined in more than 1 % of the resamples"


def rounded(value: float) -> float:
    """Return a share as it is written: six decimals, no negative zero."""
    return round(float(value), DECIMALS) + 0.0


def significant(value: float) -> float:
    """Return a p-value as it is written: six significant digits."""
    return float(f"{value:.6g}")


def put(
    node: Node,
    name: str,
    value: float | None,
    resampled: Float64[np.ndarray, " resamples"] | None = None,
    *,
    reason: str | None = None,
) -> None:
    """Write a number and, where it was resampled, its 95 % interval.

    A value (None, or NaN) or an interval that does not exist is null, with the reason beside it under
    ``<name>_reason``.
    """
    if value is None or math.isnan(value):
        node[name] = None
        if resampled is not None:
            node[f"{name}_ci95"] = None
        node[f"{name}_reason"] = reason or "undefined"
        return
    node[name] = rounded(value)
    if resampled is None:
        return
    bounds = resampling.interval(resampled)
    node[f"{name}_ci95"] = None if bounds is None else [rounded(bound) for bound in bounds]
    if bounds is None:
        node[f"{name}_reason"] = f"no interval: {_NO_INTERVAL}"


def nest(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Node:
    """Return rows as dicts nested by the values of `keys`, in that order.

    >>> nest([{"a": "x", "b": 1, "n": 3}], ["a", "b"])
    {'x': {'1': {'n': 3}}}
    """
    root: Node = {}
    for row in rows:
        node = root
        for key in keys:
            node = node.setdefault(str(row[key]), {})
        node.update({name: value for name, value in row.items() if name not in keys})
    return root
