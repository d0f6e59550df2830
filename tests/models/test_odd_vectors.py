"""Vectors in files that hold none: a named error, before anything is hashed or waited for."""

import os
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import DataError
from dejavu.models import imported_vectors, vector_files


def described(folder):
    return imported_vectors.describe([imported_vectors.find(folder, "crop")], root=folder)


def matrix(folder, name="crop.npy"):
    np.save(folder / "whole.npy", np.zeros((5, 4), np.float32))
    (folder / "crop.txt").write_text("a\n" * 5)
    return (folder / "whole.npy").rename(folder / name)


def as_npz(folder):
    np.savez(folder / "crop.npz", a=np.zeros((5, 4)))
    (folder / "crop.npz").rename(folder / "crop.npy")


def as_pickle(folder):
    (folder / "crop.npy").write_bytes(pickle.dumps([[1.0]]))


def as_broken_header(folder):
    raw = (folder / "crop.npy").read_bytes()
    (folder / "crop.npy").write_bytes(raw.replace(b"'shape': (5, 4)", b"'shape': ((5, 4"))


def as_zeros(folder):
    os.truncate(folder / "crop.npy", 0)
    os.truncate(folder / "crop.npy", 1 << 40)  # a sparse file: hashing it would take an hour


@pytest.mark.timeout(60)
@pytest.mark.parametrize("change", [as_npz, as_pickle, as_broken_header, as_zeros])
def test_what_is_no_matrix_is_named(tmp_path, change):
    matrix(tmp_path)
    change(tmp_path)
    with pytest.raises(DataError, match=r"crop\.npy: (not a \.npy file of plain|says that it has)"):
        described(tmp_path)


@pytest.mark.timeout(60)
def test_no_pipe_is_waited_for(tmp_path):
    matrix(tmp_path, "other.npy")
    os.mkfifo(tmp_path / "crop.npy")
    with pytest.raises(DataError, match="found none of them"):
        described(tmp_path)


@pytest.mark.parametrize("content", [b"\xe9\n", "a\n".encode("utf-16"), b"a" * 50_000])
def test_names_of_rows_that_are_no_names_are_a_named_error(tmp_path, content):
    matrix(tmp_path)
    (tmp_path / "crop.txt").write_bytes(content)
    with pytest.raises(
        DataError, match=r"crop\.txt: (cannot be read as text|50,000 bytes are no names)"
    ):
        vector_files.matrix(imported_vectors.find(tmp_path, "crop"))


@pytest.mark.parametrize("part", ["start", "end"])
def test_a_rotten_table_of_vectors_is_named(tmp_path, part):
    path = tmp_path / "crop.parquet"
    pq.write_table(pa.table({"sample_id": [0], "embedding": [[0.5, 0.5]]}), path)
    raw = path.read_bytes()
    path.write_bytes(
        b"\0" * 4 + raw[4:-60] + (b"\xff" * 50 + raw[-10:]) if part == "end" else raw[9:]
    )
    with pytest.raises(DataError, match=r"crop\.parquet: not a readable table: "):
        described(tmp_path)
