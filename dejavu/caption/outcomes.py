"""What every predictor of the caption lane achieves on a block of samples."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Int32

from dejavu.caption import hits
from dejavu.caption.blocks import Block
from dejavu.caption.comparisons import Predictor
from dejavu.caption.object_sets import (
    Keys,
    ObjectSets,
    count_by_row,
    is_among,
    likeliest_objects,
)
from dejavu.errors import ParamsError
from dejavu.roles import ORACLE

Setting = tuple[int, int | None]  # (k, top); top None: all objects


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What one predictor achieves on a block."""

    n_hits: Int32[np.ndarray, " n"]
    n_predicted: Int32[np.ndarray, " n"]
    correct: Keys  # the true objects that it predicts


Outcomes = dict[tuple[Predictor, Setting], Outcome]


def search_outcomes(
    block: Block, public: ObjectSets, grid: Sequence[Setting], n_vocabulary: int
) -> Outcomes:
    """Return what the searches of each model achieve on a block, at every (k, top) of `grid`.

    Raises:
        ParamsError: a setting counts more neighbors than the searches stored.
    """
    outcomes: Outcomes = {}
    for predictor, neighbor_ids in block.neighbor_ids.items():
        n_stored = neighbor_ids.shape[1]
        if len(neighbor_ids) and n_stored < max(k for k, _ in grid):
            raise ParamsError(
                f"caption.score.k counts up to {max(k for k, _ in grid)} neighbors, but "
                f"{predictor.model}/{predictor.mode} holds {n_stored}: raise caption.retrieve.k, or "
                "enlarge the public role."
            )
        rows = public.rows_of(neighbor_ids)
        for k, top in grid:
            counts = hits.count(rows, public, block.truth, n_vocabulary, k=k, top=top)
            outcomes[predictor, (k, top)] = Outcome(*counts)
    return outcomes


def oracle_outcomes(block: Block, probabilities: np.ndarray, grid: Sequence[Setting]) -> Outcomes:
    """Return what the oracle achieves on a block; it searches nothing, so `k` changes nothing."""
    oracle = Predictor(ORACLE, "")
    by_top = {
        top: _outcome(block, likeliest_objects(probabilities, top), probabilities.shape[1])
        for top in {top for _, top in grid}
    }
    return {(oracle, setting): by_top[setting[1]] for setting in grid}


def _outcome(block: Block, predicted: Keys, n_vocabulary: int) -> Outcome:
    correct = predicted[is_among(predicted, block.truth)]
    n = len(block.sample_ids)
    return Outcome(
        n_hits=count_by_row(correct, n, n_vocabulary),
        n_predicted=count_by_row(predicted, n, n_vocabulary),
        correct=correct,
    )


def head(
    names: Mapping[str, str], counts: Mapping[str, int | None], block: Block
) -> dict[str, pa.Array]:
    """Return the columns that rows of scores and of agreement begin with."""
    n = len(block.sample_ids)
    texts = {name: pa.repeat(pa.scalar(value, pa.string()), n) for name, value in names.items()}
    numbers = {name: pa.repeat(pa.scalar(value, pa.int32()), n) for name, value in counts.items()}
    return texts | numbers | {"sample_id": pa.array(block.sample_ids), "role": block.roles}
