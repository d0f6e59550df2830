"""What a predictor says about hidden labels, as rows of the table ``predictions``.

Votes and references all go through `predictions_table`, so that prediction, entropy and the tie rule
mean the same for every predictor.
"""

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int32, Int64

from dejavu.errors import DataError
from dejavu.tables.schemas import PREDICTIONS

DECIMALS = (
    9  # entropies and probabilities closer than 1e-9 tie: sums in another order differ by less
)
SUM_TOLERANCE = 1e-6  # float32 softmaxes of 1,000 labels stay within it


def predictions_table(
    predictor: str,
    *,
    sample_id: Int64[np.ndarray, " n"],
    role: pa.Array | pa.ChunkedArray,
    label_id: Int32[np.ndarray, " n"],
    probabilities: Float64[np.ndarray, "n labels"],
    label_ids: Int32[np.ndarray, " labels"],
    predicted_id: Int32[np.ndarray, " n"] | None = None,
) -> pa.Table:
    """Return the rows of table ``predictions`` for one predictor, in the order given.

    Args:
        predictor: the name in column ``predictor``.
        sample_id: one per sample.
        role: ``target`` or ``control``, one per sample.
        label_id: the true label of each sample.
        probabilities: each row is a distribution over `label_ids` (≥ 0, sum 1).
        label_ids: the labels of the columns, ascending.
        predicted_id: the guess, for predictors with a tie rule of their own; by default the most
            probable label (rounded to nine decimals), the smallest id among equals.

    Raises:
        DataError: a row is no distribution, or a true label is not among `label_ids`.
    """
    _check_distributions(predictor, sample_id, probabilities)
    column = columns_of(label_id, label_ids, what=predictor)
    if predicted_id is None:
        predicted_id = most_probable(probabilities, label_ids)
    return rows_of(
        predictor,
        sample_id=sample_id,
        role=role,
        label_id=label_id,
        predicted_id=predicted_id,
        entropy=entropy(probabilities),
        p_truth=np.take_along_axis(probabilities, column[:, None], axis=1)[:, 0],
    )


def rows_of(
    predictor: str,
    *,
    sample_id: Int64[np.ndarray, " n"],
    role: pa.Array | pa.ChunkedArray,
    label_id: Int32[np.ndarray, " n"],
    predicted_id: Int32[np.ndarray, " n"],
    entropy: Float64[np.ndarray, " n"],
    p_truth: Float64[np.ndarray, " n"],
) -> pa.Table:
    """Return the rows of table ``predictions`` from each sample's guess, entropy and P(truth)."""
    return pa.table(
        {
            "predictor": pa.repeat(pa.scalar(predictor, pa.string()), len(sample_id)),
            "sample_id": sample_id,
            "role": role,
            "label_id": label_id,
            "predicted_id": predicted_id,
            "is_correct": predicted_id == label_id,
            "confidence": 0.0 - entropy,  # 0.0 - 0.0 is 0.0; -(0.0) would print as -0.0
            "entropy": entropy,
            "p_truth": p_truth,
        },
        schema=PREDICTIONS.schema,
    )


def most_probable(
    probabilities: Float64[np.ndarray, "n labels"], label_ids: Int32[np.ndarray, " labels"]
) -> Int32[np.ndarray, " n"]:
    """Return each row's most probable label; equal to nine decimals: the smallest id.

    >>> most_probable(np.array([[0.2, 0.4, 0.4]]), np.array([3, 5, 8], dtype=np.int32)).tolist()
    [5]
    """
    if len(label_ids) == 0:
        raise DataError("There is no label to predict: the table of labels is empty.")
    return label_ids[np.argmax(np.round(probabilities, DECIMALS), axis=1)]


def entropy(probabilities: Float64[np.ndarray, "n labels"]) -> Float64[np.ndarray, " n"]:
    """Return each row's entropy in nats (0·log 0 = 0), rounded to nine decimals, never negative.

    Rounding makes permuted distributions tie exactly, whatever the order of their sums.

    >>> entropy(np.array([[0.5, 0.5], [0.0, 1.0]])).tolist()
    [0.693147181, 0.0]
    """
    logs = np.zeros_like(probabilities)
    np.log(probabilities, out=logs, where=probabilities > 0)
    return np.maximum(np.round(-(probabilities * logs).sum(axis=1), DECIMALS), 0.0)


def columns_of(
    label_id: Int32[np.ndarray, " n"], label_ids: Int32[np.ndarray, " labels"], *, what: str
) -> Int64[np.ndarray, " n"]:
    """Return the position of each label in the ascending `label_ids`.

    Raises:
        DataError: `label_ids` is not ascending, or a label is not among them.
    """
    if (np.diff(label_ids.astype(np.int64)) <= 0).any():
        raise DataError(f"{what}: label ids must ascend without repeats, found {label_ids[:20]}.")
    unknown = np.setdiff1d(label_id, label_ids)
    if len(unknown):
        raise DataError(
            f"{what}: {len(unknown)} labels of the samples are not in the table of labels, e.g. "
            f"label_id {unknown[0]}. Samples and labels come from different runs of stage `corpus`."
        )
    return np.searchsorted(label_ids, label_id)


def _check_distributions(
    predictor: str, sample_id: np.ndarray, probabilities: Float64[np.ndarray, "n labels"]
) -> None:
    sums = probabilities.sum(axis=1)
    # the negated comparison also catches NaN
    broken = ~(np.abs(sums - 1) <= SUM_TOLERANCE) | (probabilities < 0).any(axis=1)
    if broken.any():
        first = int(np.argmax(broken))
        raise DataError(
            f"{predictor}: {int(broken.sum())} of {len(sums)} rows are no distribution over labels; "
            f"sample {sample_id[first]} sums to {sums[first]} with minimum "
            f"{probabilities[first].min()}. Expected: no negative value, sum 1."
        )
