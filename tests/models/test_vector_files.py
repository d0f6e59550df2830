"""Files of vectors that were made elsewhere: every kind is read alike, and a broken one is named."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import DataError
from dejavu.models import imported_vectors, vector_files
from dejavu.tables import brought
from dejavu.tables.schemas import EMBEDDINGS


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "found none of them"),
        (["v.npy"], "v.txt: no such file; it names the rows"),
        (["v.npy", "v.txt", "v.parquet"], "found v.parquet, v.npy"),
    ],
)
def test_a_view_is_in_one_place(tmp_path, files, message):
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=message):
        imported_vectors.find(tmp_path, "v")


@pytest.mark.parametrize(
    ("matrix", "names", "message"),
    [
        (np.zeros((2, 3)), "a\nb\nc\n", "3 lines, but v.npy has 2 rows"),
        (np.zeros((2, 3), int), "a\nb\n", "expected a matrix of floating point numbers"),
        (np.zeros(3), "a\nb\n", "expected a matrix of floating point numbers"),
        (np.array([["x"]], object), "a\n", "not a .npy file of plain numbers"),
    ],
)
def test_a_broken_matrix_ends_in_an_error(tmp_path, matrix, names, message):
    np.save(tmp_path / "v.npy", matrix)
    (tmp_path / "v.txt").write_text(names)
    wanted = pa.table({"sample_id": [1, 2], "sample_name": ["a", "b"]})
    with pytest.raises(DataError, match=message):
        imported_vectors.write(
            imported_vectors.find(tmp_path, "v"), wanted, tmp_path / "out", inputs={}
        )


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_holds_vectors(tmp_path, suffix):
    names, vectors = [f"00{i}" for i in range(5)], [[i, i / 4] for i in range(5)]
    rows = [{"sample_name": n, "embedding": v} for n, v in zip(names, vectors, strict=True)]
    path = tmp_path / f"v{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        mark = "," if suffix == ".csv" else "\t"
        lines = [f'{n}{mark}"{v}"' for n, v in zip(names, vectors, strict=True)]
        path.write_text(
            "\n".join([f"sample_name{mark}embedding", *lines]) + "\n", encoding="utf-16"
        )
    wanted = pa.table({"sample_id": range(1, 4), "sample_name": names[1:4]})
    found = imported_vectors.find(tmp_path, "v")
    assert vector_files.dimension(found) == 2
    imported_vectors.write(found, wanted, tmp_path / "out", inputs={})
    assert EMBEDDINGS.read(tmp_path / "out")["embedding"].to_pylist() == vectors[1:4]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"sample_name": "a", "embedding": [1.0]}, {"sample_name": None, "embedding": [1.0]}],
         "row 2 has no sample_name"),
        ([{"sample_name": True, "embedding": [1.0]}], "column 'sample_name', row 1: found bool True"),
        ([{"sample_name": "a", "embedding": ["x"]}], "column 'embedding', row 1: found list"),
        ([{"sample_name": "a", "embedding": [[1.0]]}], "column 'embedding', row 1: found list"),
        ([{"Sample_Name": "a", "embedding": [1.0]}], "has a column 'Sample_Name', and none called"),
        ([{"sample_name": "a", "embedding": [1.0, None]}], "1 vectors are not finite"),
    ],
)  # fmt: skip
def test_tables_of_vectors_are_read_as_all_others(tmp_path, rows, message):
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "v.parquet")
    wanted = pa.table({"sample_id": [1], "sample_name": ["a"]})
    with pytest.raises(DataError, match=message):
        imported_vectors.write(
            imported_vectors.find(tmp_path, "v"), wanted, tmp_path / "out", inputs={}
        )


@pytest.mark.parametrize("rows_per_part", [1, 3, 100])
def test_how_rows_are_cut_into_parts_changes_nothing(tmp_path, monkeypatch, rows_per_part):
    monkeypatch.setattr(imported_vectors, "ROWS_PER_PART", rows_per_part)
    monkeypatch.setattr(brought, "VECTORS", rows_per_part)
    vectors = np.arange(14, dtype=np.float32).reshape(7, 2)
    names = [f"n{i}" for i in range(7)]
    order = np.random.default_rng(0).permutation(7)
    table = pa.table({"sample_name": np.array(names)[order], "embedding": vectors[order].tolist()})
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=2)
    wanted = pa.table({"sample_id": range(1, 6), "sample_name": names[1:6]})
    imported_vectors.write(
        imported_vectors.find(tmp_path, "v"), wanted, tmp_path / "out", inputs={}
    )
    rows = EMBEDDINGS.read(tmp_path / "out")
    assert rows["sample_id"].to_pylist() == [1, 2, 3, 4, 5]
    assert rows["embedding"].to_pylist() == vectors[1:6].tolist()
