"""Both models of a pair side by side, on the samples of one and of the other (docs/method.md, ours)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import ArtifactError
from dejavu.image.score import PredictionFolder
from dejavu.image.targets import Target
from dejavu.roles import TARGET
from dejavu.tables import parquet
from dejavu.tables.schemas import CROSSOVER


def write(
    predictions: Path, reference_role: Path, targets: Sequence[Target], *, k: int, out: Path
) -> None:
    """Write the table ``crossover``: one row per target with a second model, and sample of either's role.

    Pairs that were not trained here have no rows.

    Args:
        predictions: folder of `predictions` tables, of the attacked roles.
        reference_role: the same of the reference role.
        targets: the predictors under audit.
        k: public images that voted.
        out: the file to write.

    Raises:
        ArtifactError: the folders come from different runs, or two models guess for different samples.
    """
    if not any(predictions.rglob("*.parquet")):  # no model is audited
        CROSSOVER.write(CROSSOVER.schema.empty_table(), out, inputs={})
        return
    own, other = PredictionFolder(predictions), PredictionFolder(reference_role)
    inputs = parquet.require_common_origin([*own.files, *other.files], "samples", "split", "crops")
    inputs["predictions"] = parquet.fingerprint(predictions)
    inputs["reference_role"] = parquet.fingerprint(reference_role)
    CROSSOVER.write_stream(_rows(own, other, targets, k), out, inputs=inputs)


def _rows(
    own: PredictionFolder, other: PredictionFolder, targets: Sequence[Target], k: int
) -> Iterator[pa.Table]:
    attacked = set(other.names())
    for target in sorted(targets, key=lambda each: each.name):
        second = target.second_model
        if second is None or not {target.name, second} <= attacked:
            continue
        parts = []
        for folder in (own, other):
            first, answer = folder.read(target.name), folder.read(second)
            if folder is own:
                first, answer = (
                    rows.filter(pc.equal(rows["role"], TARGET)) for rows in (first, answer)
                )
            parts.append(_side_by_side(target.name, second, first, answer, k))
        yield pa.concat_tables(parts).sort_by("sample_id")


def _side_by_side(name: str, second: str, first: pa.Table, answer: pa.Table, k: int) -> pa.Table:
    if not first["sample_id"].equals(answer["sample_id"]):
        raise ArtifactError(
            f"{name!r} and {second!r} guess for different samples ({first.num_rows} and "
            f"{answer.num_rows} rows). Run `dvc repro` to rebuild their predictions."
        )
    n = first.num_rows
    return pa.table(
        {
            "target": pa.repeat(pa.scalar(name, pa.string()), n),
            "second_model": pa.repeat(pa.scalar(second, pa.string()), n),
            "sample_id": first["sample_id"],
            "role": first["role"],
            "target_correct": first["is_correct"],
            "second_correct": answer["is_correct"],
            "target_votes": _votes(first, k),
            "second_votes": _votes(answer, k),
            "n_votes": np.full(n, k, dtype=np.int32),
        },
        schema=CROSSOVER.schema,
    )


def _votes(rows: pa.Table, k: int) -> np.ndarray:
    votes: np.ndarray = np.rint(rows["p_truth"].to_numpy() * k).astype(np.int32)
    return votes
