"""Other measures of memorization, beside votes and hits: one module each, found by its name (ours).

``measures.image`` and ``measures.caption`` of params.yaml name the modules. Each has a `MEASURE`: a number
per attacked sample, higher for what is memorized by a sign that is fixed beforehand. The report compares
target with control by the same estimator and covariates as the votes (docs/method.md).
"""

import dataclasses
import importlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dejavu.search.similarity import Metric


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """The nearest public samples of each attacked one, nearest first."""

    similarities: Float64[np.ndarray, "n k"]  # cosine, or minus the squared Euclidean distance
    metric: Metric
    spread: float  # mean squared distance of the public vectors from their mean; 1 for cosine
    labels: Int64[np.ndarray, "n k"] | None = None  # image lane
    temperature: float = 0.0  # ``measures.temperature``, of votes that nearness weighs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What is known of a block of attacked samples of one target model."""

    vectors: Float32[np.ndarray, "n dim"]  # of the crops, or of the captions
    neighbors: Neighbors
    labels: Int64[np.ndarray, " n"] | None = None  # the truth (image lane)
    # caption lane, where the model is at hand: the sample's own image, and the length of the caption's
    # vector before it was scaled to 1
    images: Float32[np.ndarray, "n dim"] | None = None
    lengths: Float64[np.ndarray, " n"] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number per attacked sample; higher: more memorized."""

    unit: str  # empty: a plain number
    # None: the model does not give what it takes
    of: Callable[[Attacked], Float64[np.ndarray, " n"] | None]
    is_by_metric: bool = True  # False: the same whatever metric the neighbors are nearest by
    ranks: bool = True  # False: right or wrong, which puts no sample above another


def load(name: str) -> Measure:
    """Return the measure of the module `name`, one of `dejavu.params.measures.known`."""
    found: Measure = importlib.import_module(f"dejavu.measures.{name}").MEASURE
    return found
