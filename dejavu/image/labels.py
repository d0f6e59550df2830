"""The labels of samples that vote or are voted on."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import DataError
from dejavu.roles import PUBLIC
from dejavu.tables.schemas import SAMPLES, SPLITS


def labeled(samples: Path, splits: Path, attacked: Sequence[str]) -> pa.Table:
    """Return sample_id, role and label_id of public samples and of those with a role in `attacked`, by id.

    Raises:
        DataError: one of them has no label.
    """
    roles = SPLITS.read(splits, columns=["sample_id", "role"])
    roles = roles.filter(pc.is_in(roles["role"], pa.array([PUBLIC, *attacked])))
    rows = SAMPLES.read(samples, columns=["sample_id", "label_id"])
    rows = roles.join(rows, "sample_id", join_type="inner").sort_by("sample_id").combine_chunks()
    if missing := rows["label_id"].null_count:
        raise DataError(f"{samples}: {missing} public or attacked samples have no label to guess.")
    return rows
