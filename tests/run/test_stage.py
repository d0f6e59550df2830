import json
import subprocess
import sys

SCRIPT = '''
from pathlib import Path
from dejavu.run import stage
from dejavu.errors import DataError

def main(*, count: int, out: Path) -> None:
    """Write a count."""
    if count < 0:
        raise DataError("count must not be negative")
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


def test_a_mistake_of_the_user_is_one_line_without_traceback(tmp_path):
    done = run(tmp_path, "--count", "-1", "--out", "o.txt")
    assert done.returncode == 1
    assert done.stderr == "DataError: count must not be negative\n"


def test_help_says_what_the_stage_does(tmp_path):
    assert "Write a count." in run(tmp_path, "--help").stdout
