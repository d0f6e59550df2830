"""Several references as one: right if any of them is right.

"Memorized" against the consensus means that none of the listed references gets the sample.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import ArtifactError, ParamsError, suggestion
from dejavu.image.predictions import DECIMALS
from dejavu.roles import CONSENSUS
from dejavu.tables.schemas import PREDICTIONS


def combine(predictions: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return rows of predictor ``consensus`` from the rows of the predictors `names`.

    A sample's guess is its true label if any of them is right, otherwise the guess of the first name.
    Entropy and p_truth are the means over `names`: rules that looked at which reference is right would
    let the truth into the confidence.

    Args:
        predictions: rows of table ``predictions``, of these and perhaps other predictors.
        names: at least one; the order decides whose wrong guess is shown.

    Returns:
        Rows of table ``predictions`` in sample_id order, one per sample.

    Raises:
        ParamsError: a name has no rows, or none is given.
        ArtifactError: the predictors guess for different samples, or disagree on role or truth.
    """
    parts = [_rows_of(predictions, name) for name in names]
    if not parts:
        raise ParamsError("consensus: no reference is listed, expected at least one.")
    first = parts[0]
    for name, part in zip(names, parts, strict=True):
        for column in ("sample_id", "role", "label_id"):
            if not part[column].equals(first[column]):
                raise ArtifactError(
                    f"consensus: {names[0]!r} and {name!r} differ in column {column!r} "
                    f"({first.num_rows} and {part.num_rows} rows), expected the same samples. "
                    "Run `dvc repro` to rebuild their predictions."
                )
    is_correct = np.any([_column(part, "is_correct") for part in parts], axis=0)
    entropy = np.round(np.mean([_column(part, "entropy") for part in parts], axis=0), DECIMALS)
    label_id = _column(first, "label_id")
    return pa.table(
        {
            "predictor": pa.array([CONSENSUS] * first.num_rows, pa.string()),
            "sample_id": first["sample_id"],
            "role": first["role"],
            "label_id": label_id,
            "predicted_id": np.where(is_correct, label_id, _column(first, "predicted_id")),
            "is_correct": is_correct,
            # unknown where it is unknown of any member
            "confidence": pa.array(0.0 - entropy, from_pandas=True),
            "entropy": pa.array(entropy, from_pandas=True),
            "p_truth": pa.array(
                np.mean([_column(part, "p_truth") for part in parts], axis=0), from_pandas=True
            ),
        },
        schema=PREDICTIONS.schema,
    )


def _rows_of(predictions: pa.Table, name: str) -> pa.Table:
    rows = predictions.filter(pc.equal(predictions["predictor"], name)).sort_by("sample_id")
    if rows.num_rows == 0:
        known = pc.unique(predictions["predictor"]).to_pylist()
        raise ParamsError(f"consensus: no predictor {name!r}.{suggestion(name, known)}")
    return rows.combine_chunks()


def _column(rows: pa.Table, name: str) -> np.ndarray:
    return rows[name].to_numpy()
