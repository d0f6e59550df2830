import errno
import json
import os
import subprocess
import sys
import tempfile

import pytest

from dejavu.run import failures

SCRIPT = '''
from pathlib import Path
from dejavu.run import stage
from dejavu.errors import DataError

def main(*, count: int, out: Path) -> None:
    """Write a count."""
    if count < 0:
        raise DataError("count must not be negative")
    if count == 7:
        raise KeyboardInterrupt
    if count == 8:
        bytearray(1 << 62)
    out.write_text(str(count))

stage.run(main)
'''


def run(tmp_path, *flags):
    (tmp_path / "toy.py").write_text(SCRIPT)
    return subprocess.run(
        [sys.executable, "toy.py", *flags], cwd=tmp_path, capture_output=True, text=True
    )


def test_flags_are_typed_and_costs_are_logged(tmp_path):
    done = run(tmp_path, "--count", "3", "--out", "o.txt")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.txt").read_text() == "3"
    log = json.loads((tmp_path / "logs" / "toy.json").read_text())
    assert log["seconds"] >= 0
    assert log["peak_mib"] > 0
    assert log["process_cpu_seconds"] >= log["cpu_seconds"] + 0.05  # imports took longer than that
    assert log["process_seconds"] > log["seconds"]


def test_a_mistake_of_the_user_is_one_line_without_traceback(tmp_path):
    done = run(tmp_path, "--count", "-1", "--out", "o.txt")
    assert done.returncode == 1
    assert done.stderr == "Error: count must not be negative\n"


def test_help_says_what_the_stage_does(tmp_path):
    assert "Write a count." in run(tmp_path, "--help").stdout


def test_an_interrupt_is_one_line_and_status_130(tmp_path):
    done = run(tmp_path, "--count", "7", "--out", "o.txt")
    assert done.returncode == 130
    assert done.stderr == (
        "Interrupted: toy is not done. `dvc repro` goes on; what was finished is kept.\n"
    )


def test_memory_that_is_not_there_is_one_line(tmp_path):
    done = run(tmp_path, "--count", "8", "--out", "o.txt")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: toy needs more memory than there is. Ask for less at once (machine.batch_images, "
        "machine.block_rows), or free some.\n"
    )


def test_a_place_that_cannot_be_written_is_one_line_with_its_path(tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = run(tmp_path, "--count", "1", "--out", "taken/o.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: taken/o.txt: Not a directory. ")
    assert done.stderr.count("\n") == 1


def test_a_place_for_logs_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "logs").write_text("a file")
    done = run(tmp_path, "--count", "1", "--out", "o.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: logs: File exists. ")


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "data/x"),
            ["data/x", "writable"],
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/x"), ["data/x", "free some space"]),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "data/x"), ["data/x", "read-only"]),
        (
            OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left"),
            ["free some space"],
        ),
        (
            OSError(
                "Failed to open local file 'data/a.parquet'. Detail: [errno 13] Permission denied"
            ),
            ["data/a.parquet", "writable"],
        ),
        (
            FileNotFoundError(2, "No usable temporary directory found in ['/a', '/b']"),
            ["'/a', '/b'", "TMPDIR"],
        ),
        (OSError("something odd\nover two lines"), ["something odd over two lines"]),
    ],
)
def test_refusals_of_the_system_say_where_and_what_to_do(error, parts):
    line = failures.line_of(error)
    assert "\n" not in line
    assert [part for part in parts if part not in line] == []


def test_a_tmpdir_that_cannot_be_used_is_what_python_says_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    assert "TMPDIR" in failures.line_of(caught.value)
