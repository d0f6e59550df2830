"""List the memorized samples of the caption lane: objects found that control does not reach (ours)."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.caption import headline_rows
from dejavu.caption.comparisons import headline_mode, target_names, trained_pairs
from dejavu.params.caption import CaptionModelParams
from dejavu.params.report import CaptionHeadline
from dejavu.roles import CONTROL
from dejavu.statistics.memorized_rows import ListInputs, ListSettings, Votes, rows_of
from dejavu.tables import parquet
from dejavu.tables.schemas import MEMORIZED_SAMPLES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionListSettings(ListSettings):
    """Whose objects are listed, at which setting, and how many entries may be false."""

    models: Mapping[str, CaptionModelParams]  # section ``caption.models``
    headline: (
        CaptionHeadline | None
    )  # section ``report.headline.caption``; None: the lane is not used


def write(*, settings: CaptionListSettings, inputs: ListInputs, out: Path) -> None:
    """Write the table ``memorized_samples``: each target model at the headline's mode, k and top.

    A target that is not scored in this mode stands at its own first one. Samples of the reference role join
    control where they were attacked: with the models of a pair that is trained here, of which the target did
    not see them. Without a control sample a target has no rows.

    Args:
        settings: the models, their setting, and how many entries may be false.
        inputs: the `caption_scores` tables.
        out: the file to write.
    """
    scores = inputs.attacked
    made_from = parquet.inputs_of(scores) | {"scores": parquet.fingerprint(scores)}
    if inputs.reference_role is not None:
        made_from["reference_role"] = parquet.fingerprint(inputs.reference_role)
    rows = () if settings.headline is None else _rows(settings, settings.headline, inputs)
    MEMORIZED_SAMPLES.write_stream(rows, out, inputs=made_from)


def _rows(
    settings: CaptionListSettings, headline: CaptionHeadline, inputs: ListInputs
) -> Iterator[pa.Table]:
    models, reference_role = settings.models, inputs.reference_role
    for target in sorted(target_names(models)):
        mode = headline_mode(models[target], headline)
        rows = headline_rows.read(inputs.attacked, target, mode, headline)
        if reference_role is not None and target in trained_pairs(models):
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
