"""What would never be read to its end is told before it is opened."""

import os
import re

import pytest

from dejavu.corpora import coco_json
from dejavu.errors import DataError, WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.run import odd_files
from dejavu.tables import brought, brought_arrays
from dejavu.tables.brought_values import Column

LARGE = 1 << 40


def hollow(path):
    with path.open("wb") as stream:
        stream.truncate(LARGE)
    return path


def test_a_file_of_holes_is_refused_and_one_of_bytes_is_not(tmp_path):
    with pytest.raises(DataError, match="1,099,511,627,776 bytes, and next to none"):
        odd_files.require_file(hollow(tmp_path / "a.json"), named_by="test")
    (tmp_path / "b.json").write_bytes(b"{}")
    odd_files.require_file(tmp_path / "b.json", named_by="test")


@pytest.mark.timeout(60)
def test_a_link_to_a_file_of_the_system_is_no_data(tmp_path):
    (tmp_path / "t.csv").symlink_to("/proc/kmsg")
    with pytest.raises(DataError, match="leads to a file of the system"):
        odd_files.require_file(tmp_path / "t.csv", named_by="test")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_named(tmp_path, kind):
    path = tmp_path / "t.csv"
    {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
    }[kind]()
    with pytest.raises(DataError, match="expected a file; test names it"):
        odd_files.require_file(path, named_by="test")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n"
PAGE = b"\n<!DOCTYPE html><html><title>Virus scan warning</title></html>"


READERS = {
    "t.csv": lambda path: brought.read(path, (Column(name="a", kind="text"),), named_by="test"),
    "t.parquet": lambda path: brought.read(path, (Column(name="a", kind="text"),), named_by="test"),
    "boxes.json": lambda path: coco_json.read(path, "images", named_by="test"),
    "vectors.npy": lambda path: brought_arrays.open_array(path, named_by="test"),
    "w.pth": checkpoints.read,
    "w.safetensors": checkpoints.read,
}


@pytest.mark.parametrize(("name", "read"), READERS.items(), ids=READERS)
@pytest.mark.parametrize(
    ("raw", "told"),
    [(POINTER, "`git lfs pull` brings it"), (PAGE, "is a web page"), (b"<HTML>", "is a web page")],
    ids=["pointer", "page", "old page"],
)
def test_what_stands_for_a_file_is_told_as_that(tmp_path, name, read, raw, told):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises((DataError, WeightsError), match=told):
        read(tmp_path / name)


def test_what_dvc_can_bring_is_said(tmp_path):
    (tmp_path / "a b.pth.dvc").write_text("outs:\n- path: a b.pth\n")
    wanted = re.escape(f"`dvc pull '{tmp_path}/a b.pth.dvc'` brings it.")
    with pytest.raises(DataError, match=wanted):
        odd_files.require_file(tmp_path / "a b.pth", named_by="test")
    with pytest.raises(WeightsError, match=wanted):
        checkpoints.read(tmp_path / "a b.pth")
