"""Rows of the table ``crossover``: the same for both lanes."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from jaxtyping import Float64
from numpy import ndarray

from dejavu.tables.schemas import CROSSOVER

Values = tuple[Float64[ndarray, " n"], Float64[ndarray, " n"]]  # with the first model, the second


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrossoverInputs:
    """What both models of a pair bring back: folders of `predictions`, or files of `caption_scores`."""

    attacked: Path  # of target and control
    reference_role: Path  # of the reference role


def rows_of(
    target: str,
    second_model: str,
    samples: pa.Table,
    measures: Mapping[str, Values],
) -> pa.Table:
    """Return one row per measure and sample.

    Args:
        target: the first model, or its predictor.
        second_model: the second.
        samples: columns sample_id and role, of the roles that either model was trained on.
        measures: what is measured of each of `samples`, by name.
    """
    n = samples.num_rows
    return pa.concat_tables(
        pa.table(
            {
                "target": pa.repeat(pa.scalar(target, pa.string()), n),
                "second_model": pa.repeat(pa.scalar(second_model, pa.string()), n),
                "measure": pa.repeat(pa.scalar(name, pa.string()), n),
                "sample_id": samples["sample_id"],
                "role": samples["role"],
                "target_value": first,
                "second_value": second,
            },
            schema=CROSSOVER.schema,
        ).sort_by("sample_id")
        for name, (first, second) in sorted(measures.items())
    )
