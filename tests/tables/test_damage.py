"""Bit rot in our own tables: one line that names the file, whatever reads it."""

import errno
import random
from pathlib import Path

import pyarrow as pa
import pytest

from dejavu.errors import ArtifactError
from dejavu.tables import damage, parquet
from dejavu.tables.schemas import LABELS

READERS = {
    "read": LABELS.read,
    "batches": lambda path: list(LABELS.batches(path, batch_rows=10)),
    "count": LABELS.count,
    "rows": lambda path: LABELS.rows(path, 0, 500),
    "inputs_of": parquet.inputs_of,
    "is_empty": parquet.is_empty,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "labels.parquet"
    names = [f"label {n}" for n in range(500)]
    LABELS.write(
        pa.table({"label_id": range(500), "label": names}, schema=LABELS.schema), path, inputs={}
    )
    return path.read_bytes()


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_damaged_table_is_whole_or_named(tmp_path, whole, read):
    rng, path, n_named = random.Random(0), tmp_path / "labels.parquet", 0
    for _ in range(60):
        raw = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(raw)
        try:
            read(path)
        except ArtifactError as error:
            n_named += 1
            assert str(error).startswith(str(tmp_path))  # noqa: PT017  # not each damage is seen by each reader
            assert "dvc repro" in str(error)  # noqa: PT017  # see above
    assert n_named


def test_what_the_system_says_of_a_disk_passes():
    with pytest.raises(OSError, match="No space left"), damage.named(Path("labels.parquet")):
        raise OSError(errno.ENOSPC, "No space left on device")
