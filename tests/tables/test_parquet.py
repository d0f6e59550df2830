import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import ArtifactError
from dejavu.tables import parquet
from dejavu.tables.parquet import Table

PAIRS = Table(
    name="pairs",
    schema=pa.schema([pa.field("key", pa.int64(), nullable=False), pa.field("value", pa.string())]),
    key=("key",),
)
VECTORS = Table(
    name="vectors",
    schema=pa.schema(
        [
            pa.field("key", pa.int64(), nullable=False),
            pa.field("vector", pa.list_(pa.float32()), nullable=False),
        ]
    ),
    key=("key",),
)


def pairs(keys, values):
    return pa.table({"key": pa.array(keys, pa.int64()), "value": pa.array(values, pa.string())})


def test_rows_are_written_in_key_order_and_bytes_ignore_the_order_they_came_in(tmp_path):
    rows = pairs([2, 1, 3], ["b", "a", None])
    PAIRS.write(rows, tmp_path / "one.parquet", inputs={"y": "2", "x": "1"})
    shuffled = pa.concat_tables([rows.slice(2), rows.slice(0, 2)])
    PAIRS.write(shuffled, tmp_path / "two.parquet", inputs={"x": "1", "y": "2"})
    assert PAIRS.read(tmp_path / "one.parquet")["key"].to_pylist() == [1, 2, 3]
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_vector_column_of_fixed_length_fits(tmp_path):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2, 3, 4], pa.float32()), 2)
    VECTORS.write(
        pa.table({"key": pa.array([1, 2], pa.int64()), "vector": vectors}),
        tmp_path / "v.parquet",
        inputs={},
    )
    assert VECTORS.read(tmp_path / "v.parquet")["vector"].to_pylist() == [[1, 2], [3, 4]]


def test_a_repeated_key_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(ArtifactError, match=r"1 rows repeat key \('key',\) of 'pairs'"):
        PAIRS.write(pairs([1, 1], ["a", "b"]), tmp_path / "p.parquet", inputs={})
    assert not list(tmp_path.iterdir())


def test_an_empty_required_value_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="column 'key' .* has 1 empty values"):
        PAIRS.write(pairs([None, 1], ["a", "b"]), tmp_path / "p.parquet", inputs={})


def test_other_columns_are_refused_with_both_schemas(tmp_path):
    with pytest.raises(ArtifactError, match=r"(?s)expected key: int64.*found .*other: int64"):
        PAIRS.write(pa.table({"other": [1]}), tmp_path / "p.parquet", inputs={})


def test_another_table_is_refused_by_name(tmp_path):
    PAIRS.write(pairs([1], ["a"]), tmp_path / "p.parquet", inputs={})
    with pytest.raises(ArtifactError, match="expected a 'vectors' table .* found 'pairs'"):
        VECTORS.read(tmp_path / "p.parquet")


def test_another_version_is_refused(tmp_path):
    PAIRS.write(pairs([1], ["a"]), tmp_path / "p.parquet", inputs={})
    newer = Table(name="pairs", schema=PAIRS.schema, key=("key",), version=2)
    with pytest.raises(ArtifactError, match="of version 2, found 'pairs' of version 1"):
        newer.read(tmp_path / "p.parquet")


def test_a_missing_table_says_how_to_build_it(tmp_path):
    with pytest.raises(ArtifactError, match="no 'pairs' table here. Run `dvc repro`"):
        PAIRS.read(tmp_path / "absent.parquet")


def test_parts_are_read_in_name_order_and_in_batches(tmp_path):
    PAIRS.write(pairs([3, 4], ["c", "d"]), tmp_path / "t" / "part-00001.parquet", inputs={})
    PAIRS.write(pairs([1, 2], ["a", "b"]), tmp_path / "t" / "part-00000.parquet", inputs={})
    assert PAIRS.read(tmp_path / "t")["key"].to_pylist() == [1, 2, 3, 4]
    batches = PAIRS.batches(tmp_path / "t", batch_rows=1)
    assert [batch["value"][0].as_py() for batch in batches] == list("abcd")


def test_fingerprints_name_content_not_time(tmp_path):
    (tmp_path / "a").write_text("1")
    before = parquet.fingerprint(tmp_path)
    os.utime(tmp_path / "a", (0, 0))
    assert parquet.fingerprint(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert parquet.fingerprint(tmp_path) != before


def test_tables_of_different_splits_do_not_join(tmp_path):
    for name, split in (("a", "s1"), ("b", "s2"), ("c", "s1")):
        PAIRS.write(pairs([1], ["x"]), tmp_path / f"{name}.parquet", inputs={"split": split})
    a, b, c = (tmp_path / f"{name}.parquet" for name in "abc")
    assert parquet.require_common_origin([a, c], "split", "crops") == {"split": "s1"}
    with pytest.raises(ArtifactError, match="do not belong together"):
        parquet.require_common_origin([a, b], "split")


def test_metadata_is_readable_by_anyone(tmp_path):
    PAIRS.write(pairs([1], ["x"]), tmp_path / "p.parquet", inputs={"split": "abc"})
    metadata = pq.read_schema(tmp_path / "p.parquet").metadata
    assert metadata[b"dejavu.table"] == b"pairs"
    assert parquet.inputs_of(tmp_path / "p.parquet") == {"split": "abc"}
