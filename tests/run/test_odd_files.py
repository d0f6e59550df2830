"""What would never be read to its end is told before it is opened."""

import os

import pytest

from dejavu.errors import DataError
from dejavu.run import odd_files

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
