"""Both models of a pair side by side, on the captions of one and of the other (docs/method.md, ours)."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.caption import headline_rows
from dejavu.caption.comparisons import headline_mode, trained_pairs
from dejavu.params.caption import CaptionModelParams
from dejavu.params.report import CaptionHeadline
from dejavu.roles import SECOND_MODEL, TARGET
from dejavu.statistics.crossover_rows import CrossoverInputs, rows_of
from dejavu.tables import parquet
from dejavu.tables.schemas import CROSSOVER

_MEASURES = ("recall", "precision")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionCrossoverSettings:
    """Which models are under audit, and at which setting they are put side by side."""

    models: Mapping[str, CaptionModelParams]  # section ``caption.models``
    headline: (
        CaptionHeadline | None
    )  # section ``report.headline.caption``; None: the lane is not used


def write(*, settings: CaptionCrossoverSettings, inputs: CrossoverInputs, out: Path) -> None:
    """Write the table ``crossover``: a row per target of a pair, measure, and sample of either's role.

    At the headline's mode, k and top; a target that is not scored in this mode stands at its own first one.
    Pairs that were not trained here have no rows.

    Args:
        settings: the models under audit.
        inputs: files of `caption_scores`, of the attacked roles and of the reference role.
        out: the file to write.

    Raises:
        ArtifactError: the tables come from different runs.
    """
    scores, reference_role = inputs.attacked, inputs.reference_role
    stamps = parquet.inputs_of(scores) | {"scores": parquet.fingerprint(scores)}
    if not parquet.is_empty(reference_role):
        parquet.require_common_origin([scores, reference_role], "samples", "split", "objects")
        stamps["reference_role"] = parquet.fingerprint(reference_role)
    headline = settings.headline
    rows = () if headline is None else _rows(scores, reference_role, settings.models, headline)
    CROSSOVER.write_stream(rows, out, inputs=stamps)


def _rows(
    scores: Path,
    reference_role: Path,
    models: Mapping[str, CaptionModelParams],
    headline: CaptionHeadline,
) -> Iterator[pa.Table]:
    trained = trained_pairs(models)
    for target in sorted(trained):
        second = trained[target].second_model
        if second is None:
            continue
        mode = headline_mode(models[target], headline)
        parts = [
            headline_rows.read(each, target, mode, headline, reference=SECOND_MODEL)
            for each in (scores, reference_role)
        ]
        if not all(part.num_rows for part in parts):
            continue  # not compared, or nobody said what images of the reference role show
        parts[0] = parts[0].filter(pc.equal(parts[0]["role"], TARGET))
        rows = pa.concat_tables(parts)
        values = {
            name: (_numbers(rows, f"target_{name}"), _numbers(rows, f"reference_{name}"))
            for name in _MEASURES
        }
        yield rows_of(target, second, rows, values)


def _numbers(rows: pa.Table, name: str) -> np.ndarray:
    numbers: np.ndarray = rows[name].to_numpy()
    return numbers
