"""List the memorized samples of the image lane: votes for the truth that control does not reach (ours)."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.image.score import PredictionFolder
from dejavu.image.targets import Target
from dejavu.roles import CONTROL
from dejavu.statistics.memorized_rows import ListInputs, ListSettings, Votes, rows_of
from dejavu.tables import parquet
from dejavu.tables.schemas import MEMORIZED_SAMPLES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageListSettings(ListSettings):
    """Whose votes are listed, and how many entries may be false."""

    targets: Sequence[Target]  # the predictors under audit


def write(*, settings: ImageListSettings, inputs: ListInputs, out: Path) -> None:
    """Write the table ``memorized_samples``: each target model in each layer and metric.

    Samples of the reference role join control where they were attacked and the target was not trained on
    them: with the models of a pair that is trained here. A target whose guesses came without votes, or
    without a control sample, has no rows.

    Args:
        settings: the targets, and how many entries may be false.
        inputs: folders of the target models' `predictions` tables.
        out: the file to write.
    """
    predictions, reference_role = inputs.attacked, inputs.reference_role
    if not any(predictions.rglob("*.parquet")):  # no model is audited
        MEMORIZED_SAMPLES.write(MEMORIZED_SAMPLES.schema.empty_table(), out, inputs={})
        return
    folder = PredictionFolder(predictions)
    other = None if reference_role is None else PredictionFolder(reference_role)
    made_from = parquet.require_common_origin(folder.files, "samples", "split", "crops")
    made_from["predictions"] = parquet.fingerprint(predictions)
    if reference_role is not None:
        made_from["reference_role"] = parquet.fingerprint(reference_role)
    known = set(folder.names())
    voted = sorted(
        (each for each in settings.targets if each.name in known), key=lambda each: each.name
    )
    rows = ((each, _attacked(each, folder, other)) for each in voted)
    MEMORIZED_SAMPLES.write_stream(_listed(rows, settings), out, inputs=made_from)


def _attacked(target: Target, folder: PredictionFolder, other: PredictionFolder | None) -> pa.Table:
    """Return the guesses for target and control, and for the reference role where it was not seen."""
    rows = folder.read(target.name)
    if other is None or target.second_model is None or target.name not in other.names():
        return rows
    return pa.concat_tables([rows, other.read(target.name)]).sort_by("sample_id").combine_chunks()


def _listed(
    guesses: Iterable[tuple[Target, pa.Table]], settings: ImageListSettings
) -> Iterator[pa.Table]:
    for target, rows in guesses:
        if target.votes is None or rows["p_truth"].null_count:
            continue
        if not pc.any(pc.equal(rows["role"], CONTROL)).as_py():
            continue
        hits = np.rint(rows["p_truth"].to_numpy() * target.votes).astype(np.int32)
        votes = Votes(
            sample_id=rows["sample_id"].to_numpy(),
            role=rows["role"],
            hits=hits,
            of=np.full(len(hits), target.votes, dtype=np.int32),
            level=rows["label_id"].to_numpy().astype(np.int64),
        )
        yield rows_of(target.name, votes, settings)
