"""List the memorized samples of the caption lane: objects found that control does not reach (ours)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.caption import headline_rows
from dejavu.caption.comparisons import headline_mode, target_names
from dejavu.caption.reference_role import pairs
from dejavu.params.caption import CaptionModelParams
from dejavu.params.report import CaptionHeadline
from dejavu.roles import CONTROL
from dejavu.statistics.memorized_rows import ListSettings, Votes, rows_of
from dejavu.tables import parquet
from dejavu.tables.schemas import MEMORIZED_SAMPLES


def write(
    scores: Path,
    models: Mapping[str, CaptionModelParams],
    headline: CaptionHeadline | None,
    settings: ListSettings,
    *,
    out: Path,
    reference_role: Path | None = None,
) -> None:
    """Write the table ``memorized_samples``: each target model at the headline's mode, k and top.

    A target that is not scored in this mode stands at its own first one. Samples of the reference role join
    control where they were attacked: with the models of a pair that is trained here, of which the target did
    not see them. Without a control sample a target has no rows.

    Args:
        scores: the `caption_scores` table.
        models: section ``caption.models``.
        headline: section ``report.headline.caption``; None: the lane is not used.
        settings: how many entries may be false.
        out: the file to write.
        reference_role: the same table of the reference role; None: nobody attacked it.
    """
    inputs = parquet.inputs_of(scores) | {"scores": parquet.fingerprint(scores)}
    if reference_role is not None:
        inputs["reference_role"] = parquet.fingerprint(reference_role)
    rows = () if headline is None else _rows(scores, models, headline, settings, reference_role)
    MEMORIZED_SAMPLES.write_stream(rows, out, inputs=inputs)


def _rows(
    scores: Path,
    models: Mapping[str, CaptionModelParams],
    headline: CaptionHeadline,
    settings: ListSettings,
    reference_role: Path | None,
) -> Iterator[pa.Table]:
    for target in sorted(target_names(models)):
        mode = headline_mode(models[target], headline)
        rows = headline_rows.read(scores, target, mode, headline)
        if reference_role is not None and target in pairs(models):
            other = headline_rows.read(reference_role, target, mode, headline)
            rows = pa.concat_tables([rows, other]).sort_by("sample_id").combine_chunks()
        if not pc.any(pc.equal(rows["role"], CONTROL)).as_py():
            continue
        n_objects = rows["n_objects"].to_numpy()
        votes = Votes(
            sample_id=rows["sample_id"].to_numpy(),
            role=rows["role"],
            hits=rows["target_hits"].to_numpy(),
            of=n_objects,
            level=n_objects.astype(np.int64),
        )
        yield rows_of(target, votes, settings)
