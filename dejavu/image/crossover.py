"""Both models of a pair side by side, on the samples of one and of the other (docs/method.md, ours)."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import ArtifactError
from dejavu.image.score import PredictionFolder
from dejavu.image.targets import Target
from dejavu.roles import TARGET, Role
from dejavu.statistics.crossover_rows import CrossoverInputs, Values, rows_of
from dejavu.statistics.listing import log_odds
from dejavu.tables import parquet
from dejavu.tables.schemas import CROSSOVER


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrossoverSettings:
    """Which predictors are under audit."""

    targets: Sequence[Target]


def write(*, settings: CrossoverSettings, inputs: CrossoverInputs, out: Path) -> None:
    """Write the table ``crossover``: a row per target of a pair, measure, and sample of either's role.

    Pairs that were not trained here have no rows, unless the guesses of both came with the reference role.

    Args:
        settings: the predictors under audit.
        inputs: folders of `predictions`, of the attacked roles and of the reference role.
        out: the file to write.

    Raises:
        ArtifactError: the folders come from different runs, or two models guess for different samples.
    """
    if not any(inputs.attacked.rglob("*.parquet")):  # no model is audited
        CROSSOVER.write(CROSSOVER.schema.empty_table(), out, inputs={})
        return
    own, other = PredictionFolder(inputs.attacked), PredictionFolder(inputs.reference_role)
    stamps = parquet.require_common_origin([*own.files, *other.files], "samples", "split", "crops")
    stamps["predictions"] = parquet.fingerprint(inputs.attacked)
    stamps["reference_role"] = parquet.fingerprint(inputs.reference_role)
    rows = _rows(own, other, settings.targets)
    CROSSOVER.write_stream(rows, out, inputs=stamps)


def _rows(
    own: PredictionFolder, other: PredictionFolder, targets: Sequence[Target]
) -> Iterator[pa.Table]:
    attacked = set(other.names())
    for target in sorted(targets, key=lambda each: each.name):
        second = target.second_model
        if second is None or not {target.name, second} <= attacked:
            continue
        sides = [
            _side_by_side(target.name, second, folder, None if folder is other else TARGET)
            for folder in (own, other)
        ]
        first, answer = (pa.concat_tables(rows) for rows in zip(*sides, strict=True))
        yield rows_of(target.name, second, first, _measures(first, answer, target.votes))


def _side_by_side(
    name: str, second: str, folder: PredictionFolder, role: Role | None
) -> tuple[pa.Table, pa.Table]:
    """Return what both models guess of one role's samples (None: of all in the folder)."""
    found = [folder.read(each) for each in (name, second)]
    if role is not None:
        found = [rows.filter(pc.equal(rows["role"], role)) for rows in found]
    first, answer = found
    if not first["sample_id"].equals(answer["sample_id"]):
        raise ArtifactError(
            f"{name!r} and {second!r} guess for different samples ({first.num_rows} and "
            f"{answer.num_rows} rows). Run `dvc repro` to rebuild their predictions."
        )
    return first, answer


def _measures(first: pa.Table, answer: pa.Table, votes: int | None) -> dict[str, Values]:
    hard = {"hard": (_right(first), _right(answer))}
    if votes is None:
        return hard
    return hard | {"soft": (_odds(first, votes), _odds(answer, votes))}


def _right(rows: pa.Table) -> np.ndarray:
    right: np.ndarray = rows["is_correct"].to_numpy().astype(np.float64)
    return right


def _odds(rows: pa.Table, votes: int) -> np.ndarray:
    hits = np.rint(rows["p_truth"].to_numpy() * votes)
    return log_odds(hits, np.full(rows.num_rows, float(votes)))
