"""List the memorized samples of the caption lane: objects found that control does not reach (ours)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.caption.comparisons import headline_mode, target_names
from dejavu.params.caption import CaptionModelParams
from dejavu.params.report import CaptionHeadline
from dejavu.roles import CONTROL
from dejavu.statistics.memorized_rows import ListSettings, Votes, rows_of
from dejavu.tables import parquet
from dejavu.tables.schemas import CAPTION_SCORES, MEMORIZED_SAMPLES


def write(
    scores: Path,
    models: Mapping[str, CaptionModelParams],
    headline: CaptionHeadline | None,
    settings: ListSettings,
    *,
    out: Path,
) -> None:
    """Write the table ``memorized_samples``: each target model at the headline's mode, k and top.

    A target that is not scored in this mode stands at its own first one. Without a control sample it has no
    rows.

    Args:
        scores: the `caption_scores` table.
        models: section ``caption.models``.
        headline: section ``report.headline.caption``; None: the lane is not used.
        settings: how many entries may be false.
        out: the file to write.
    """
    inputs = parquet.inputs_of(scores) | {"scores": parquet.fingerprint(scores)}
    rows = () if headline is None else _rows(scores, models, headline, settings)
    MEMORIZED_SAMPLES.write_stream(rows, out, inputs=inputs)


def _rows(
    scores: Path,
    models: Mapping[str, CaptionModelParams],
    headline: CaptionHeadline,
    settings: ListSettings,
) -> Iterator[pa.Table]:
    for target in sorted(target_names(models)):
        rows = _outcomes(scores, target, headline_mode(models[target], headline), headline)
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


def _outcomes(scores: Path, target: str, mode: str, headline: CaptionHeadline) -> pa.Table:
    """Return what the target finds; it is the same beside each reference, so the first one's rows do."""
    top = pc.field("top")
    at_top = top.is_null() if headline.n_top is None else top == headline.n_top
    chosen = (pc.field("target") == target) & (pc.field("mode") == mode) & at_top
    rows = parquet.open_dataset(scores).to_table(
        columns=["reference", "sample_id", "role", "n_objects", "target_hits"],
        filter=chosen & (pc.field("k") == headline.k),
    )
    CAPTION_SCORES.require_version(parquet.open_dataset(scores).schema, scores)
    if not rows.num_rows:
        return rows
    first = pc.min(rows["reference"])
    return rows.filter(pc.equal(rows["reference"], first)).sort_by("sample_id").combine_chunks()
