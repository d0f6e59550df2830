"""List the memorized samples of the image lane: votes for the truth that control does not reach (ours)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.image.score import PredictionFolder
from dejavu.image.targets import Target
from dejavu.roles import CONTROL
from dejavu.statistics.memorized_rows import ListSettings, Votes, rows_of
from dejavu.tables import parquet
from dejavu.tables.schemas import MEMORIZED_SAMPLES


def write(
    predictions: Path, targets: Sequence[Target], settings: ListSettings, *, k: int, out: Path
) -> None:
    """Write the table ``memorized_samples``: each target model in each layer and metric.

    A target whose guesses came without votes, or without a control sample, has no rows.

    Args:
        predictions: folder of the target models' `predictions` tables.
        targets: the predictors under audit.
        settings: how many entries may be false.
        k: public images that voted.
        out: the file to write.
    """
    if not any(predictions.rglob("*.parquet")):  # no model is audited
        MEMORIZED_SAMPLES.write(MEMORIZED_SAMPLES.schema.empty_table(), out, inputs={})
        return
    folder = PredictionFolder(predictions)
    inputs = parquet.require_common_origin(folder.files, "samples", "split", "crops")
    inputs["predictions"] = parquet.fingerprint(predictions)
    known = set(folder.names())
    voted = sorted(target.name for target in targets if target.name in known)
    MEMORIZED_SAMPLES.write_stream(_rows(folder, voted, settings, k), out, inputs=inputs)


def _rows(
    folder: PredictionFolder, names: Sequence[str], settings: ListSettings, k: int
) -> Iterator[pa.Table]:
    for name in names:
        rows = folder.read(name)
        if rows["p_truth"].null_count or not pc.any(pc.equal(rows["role"], CONTROL)).as_py():
            continue
        hits = np.rint(rows["p_truth"].to_numpy() * k).astype(np.int32)
        votes = Votes(
            sample_id=rows["sample_id"].to_numpy(),
            role=rows["role"],
            hits=hits,
            of=np.full(len(hits), k, dtype=np.int32),
            level=rows["label_id"].to_numpy().astype(np.int64),
        )
        yield rows_of(name, votes, settings)
