"""The rows of ``caption_scores`` at the setting that the caption lane opens with."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.params.report import CaptionHeadline
from dejavu.tables import parquet
from dejavu.tables.schemas import CAPTION_SCORES


def read(
    scores: Path,
    target: str,
    mode: str,
    headline: CaptionHeadline,
    *,
    reference: str | None = None,
) -> pa.Table:
    """Return one target's rows against one reference, in sample_id order.

    Args:
        scores: a `caption_scores` table.
        target: a model under audit.
        mode: in which it stands, see `comparisons.headline_mode`.
        headline: k and top.
        reference: None takes the first: what the target itself finds is the same beside each.
    """
    dataset = parquet.open_dataset(scores)
    CAPTION_SCORES.require_version(dataset.schema, scores)
    top = pc.field("top")
    at_top = top.is_null() if headline.n_top is None else top == headline.n_top
    chosen = (pc.field("target") == target) & (pc.field("mode") == mode) & at_top
    rows = dataset.to_table(filter=chosen & (pc.field("k") == headline.k))
    if not rows.num_rows:
        return rows
    name = pc.min(rows["reference"]) if reference is None else reference
    return rows.filter(pc.equal(rows["reference"], name)).sort_by("sample_id").combine_chunks()
