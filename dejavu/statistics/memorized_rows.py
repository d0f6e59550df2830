"""Rows of the table ``memorized_samples``: the same statistics for both lanes."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int32, Int64

from dejavu.roles import TARGET
from dejavu.statistics.listing import listing, log_odds, standardized
from dejavu.tables.schemas import MEMORIZED_SAMPLES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """How many entries of the list may be false."""

    share: float  # in (0, 1), expected
    storey: bool  # estimate how many samples are not memorized: a longer list


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListInputs:
    """What the models under audit bring back: folders of `predictions`, or files of `caption_scores`."""

    attacked: Path  # of target and control
    reference_role: Path | None = None  # the same of the reference role; None: nobody attacked it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What one model brings back of its attacked samples."""

    sample_id: Int64[np.ndarray, " n"]
    role: pa.Array | pa.ChunkedArray  # target, and roles that the model was not trained on
    hits: Int32[np.ndarray, " n"]  # votes for the truth, or true objects found
    of: Int32[np.ndarray, " n"]  # all votes, or all true objects
    level: Int64[np.ndarray, " n"]  # samples of one level are alike: the label, or `of`


def rows_of(target: str, votes: Votes, settings: ListSettings) -> pa.Table:
    """Return one row per sample; only those of the target role have a p-value and can be listed.

    Every other role in `votes` is control: its samples give moments and p-values.
    """
    n = len(votes.sample_id)
    is_target = np.asarray(votes.role) == TARGET
    soft = log_odds(votes.hits.astype(np.float64), votes.of.astype(np.float64))
    z = standardized(soft, votes.level, np.ones(n, dtype=bool))
    found = listing(z[is_target], z[~is_target], settings.share, storey=settings.storey)
    p_value, q_value = np.full(n, np.nan), np.full(n, np.nan)
    is_listed = np.zeros(n, dtype=bool)
    p_value[is_target], q_value[is_target] = found.p_value, found.q_value
    is_listed[is_target] = found.is_listed
    return pa.table(
        {
            "target": pa.repeat(pa.scalar(target, pa.string()), n),
            "sample_id": votes.sample_id,
            "role": votes.role,
            "votes_for_truth": votes.hits,
            "n_votes": votes.of,
            "log_odds": soft,
            "z": z,
            "p_value": pa.array(p_value, from_pandas=True),
            "q_value": pa.array(q_value, from_pandas=True),
            "is_listed": is_listed,
        },
        schema=MEMORIZED_SAMPLES.schema,
    )
