"""The Bayes-optimal reference: argmax of the true distribution of labels given the crop.

Only an embedded corpus knows that distribution, mu(t|v). No predictor can be right more often on samples
that nobody memorized, so the oracle measures how far another reference is off.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64

from dejavu.errors import DataError
from dejavu.image.kept_crops import CropTables, kept_crops, origin, read_labels
from dejavu.image.predictions import predictions_table
from dejavu.roles import ATTACKED, ORACLE
from dejavu.run.progress import say
from dejavu.tables.parquet import is_empty
from dejavu.tables.schemas import PREDICTIONS


def write_predictions(*, inputs: CropTables, out: Path) -> None:
    """Guess the most probable label of each attacked crop; equally probable: the smaller label id.

    Entropy is that of mu(t|v), in nats. Where the corpus knows no truth, `out` is an empty table.

    Raises:
        DataError: the truth is known for some attacked samples only, or does not fit `labels`.
    """
    made_from = origin(inputs.samples, inputs.crops)
    if is_empty(inputs.samples):
        PREDICTIONS.write(PREDICTIONS.schema.empty_table(), out, inputs=made_from)
        return
    label_ids = read_labels(inputs.labels)["label_id"].to_numpy()
    attacked = kept_crops(inputs.samples, inputs.crops, roles=ATTACKED, columns=["truth"])
    truth = pc.struct_field(attacked["truth"], "probabilities").combine_chunks()
    if truth.null_count == len(truth):
        say("oracle: the corpus knows no true distribution of labels; the table stays empty")
        rows = PREDICTIONS.schema.empty_table()
    else:
        rows = predictions_table(
            ORACLE,
            sample_id=attacked["sample_id"].to_numpy(),
            role=attacked["role"],
            label_id=attacked["label_id"].to_numpy(),
            probabilities=_matrix(truth, label_ids, inputs.samples),
            label_ids=label_ids,
        )
    PREDICTIONS.write(rows, out, inputs=made_from)


def _matrix(
    truth: pa.ListArray, label_ids: np.ndarray, samples: Path
) -> Float64[np.ndarray, "n labels"]:
    """Return one row of mu(t|v) per sample; the position in the list is the label_id."""
    lengths = pc.fill_null(pc.list_value_length(truth), 0).to_numpy(zero_copy_only=False)
    if (lengths != len(label_ids)).any() or (label_ids != np.arange(len(label_ids))).any():
        wrong = int((lengths != len(label_ids)).sum())
        raise DataError(
            f"{samples}: truth.probabilities has {len(label_ids)} labels to cover, numbered from 0; "
            f"{wrong} of {len(lengths)} attacked samples list another number (of them "
            f"{truth.null_count} none). Expected: every sample, or none at all."
        )
    return pc.list_flatten(truth).to_numpy().reshape(len(truth), len(label_ids))
