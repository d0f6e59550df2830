"""Rows of the table ``measures``: the same for both lanes."""

from collections.abc import Mapping

import pyarrow as pa
from jaxtyping import Float64, Int64
from numpy import ndarray

from dejavu.tables.schemas import MEASURES


def rows_of(
    target: str,
    sample_id: Int64[ndarray, " n"],
    role: pa.Array,
    values: Mapping[str, Float64[ndarray, " n"]],
) -> pa.Table:
    """Return one row per measure and sample, in the order of the table's key.

    Args:
        target: the predictor, or the captioned model.
        sample_id: ascending.
        role: of each sample.
        values: of each sample, by measure.
    """
    n = len(sample_id)
    parts = [
        pa.table(
            {
                "target": pa.repeat(pa.scalar(target, pa.string()), n),
                "measure": pa.repeat(pa.scalar(name, pa.string()), n),
                "sample_id": sample_id,
                "role": role,
                "value": value,
            },
            schema=MEASURES.schema,
        )
        for name, value in sorted(values.items())
    ]
    return pa.concat_tables([MEASURES.schema.empty_table(), *parts])
