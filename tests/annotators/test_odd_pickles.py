"""Pickles of labels, and the lists beside them, that are none."""

import os
import pickle

import pytest

from dejavu.annotators import label_pickles
from dejavu.errors import DataError


@pytest.fixture
def convert(tmp_path):
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps([[[0]], [[0.5]]]))
    (tmp_path / "names.txt").write_text("a\n")
    (tmp_path / "classes.txt").write_text("x\n")

    def convert():
        return label_pickles.convert(
            tmp_path / "labels.pkl", sample_names=tmp_path / "names.txt",
            class_names=tmp_path / "classes.txt", out=tmp_path / "out.parquet",
        )  # fmt: skip

    assert convert() == 1
    return convert


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["labels.pkl", "names.txt", "classes.txt"])
def test_no_pipe_is_waited_for(tmp_path, convert, name):
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="is no regular file"):
        convert()


@pytest.mark.parametrize("name", ["names.txt", "classes.txt"])
def test_names_in_another_encoding(tmp_path, convert, name):
    (tmp_path / name).write_bytes("é\n".encode("latin-1"))
    with pytest.raises(DataError, match=f"{name}: not a UTF-8 text file"):
        convert()


def test_a_list_of_objects_longer_than_the_file_is_refused(tmp_path, convert):
    """Python's reader would make room for two thousand million objects."""
    (tmp_path / "labels.pkl").write_bytes(b"\x80\x04]r\xff\xff\xff\x7f.")
    with pytest.raises(
        DataError, match="a place 2,147,483,647 in its list of objects, and 9 bytes"
    ):
        convert()


@pytest.mark.parametrize("label", [0.7, 10**400, float("nan"), 1e300])
def test_a_class_number_that_is_none(tmp_path, convert, label):
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps([[[label]], [[0.5]]]))
    with pytest.raises(DataError, match=r"labels\.pkl"):
        convert()
