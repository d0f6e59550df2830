import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dejavu.errors import BusyError
from dejavu.run import project_lock
from tests.paths import ROOT

HOLD = """
import sys, time
from pathlib import Path
from dejavu.run import project_lock
with project_lock.held():
    print("held", flush=True)
    time.sleep(60)
"""
CHILD = """
import subprocess, sys
from dejavu.run import project_lock
with project_lock.held():
    inner = "from dejavu.run import project_lock\\nwith project_lock.held(): print('inside')"
    subprocess.run([sys.executable, "-c", inner], check=True)
    subprocess.run([sys.executable, "-c", inner], check=True)
"""


@pytest.fixture(autouse=True)
def own_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / project_lock.GRAPH).write_text("stages: {}\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(project_lock.HOLDER, raising=False)


@pytest.fixture
def other():
    """Another process that works in the project."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_told_who_works_here(other, tmp_path):
    with pytest.raises(BusyError) as caught, project_lock.held():
        pass
    message = str(caught.value)
    assert f"Another run works in {tmp_path}: process {other.pid} on " in message
    assert f"since {time.strftime('%Y-')}" in message
    assert "Wait until it has ended" in message


def test_the_lock_of_a_killed_process_is_taken_over(other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert json.loads((project_lock.LOCK.parent / "lock.json").read_text())["pid"] == other.pid
    with project_lock.held():
        facts = json.loads((project_lock.LOCK.parent / "lock.json").read_text())
    assert facts["pid"] == os.getpid()


@pytest.mark.slow
def test_what_a_run_starts_may_work_too():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
    assert done.stdout == "inside\ninside\n", done.stderr


def test_it_is_free_again_afterwards_and_may_be_nested():
    for _ in range(2):
        with project_lock.held(), project_lock.held():
            assert project_lock.HOLDER in os.environ
        assert project_lock.HOLDER not in os.environ


def test_a_holder_that_has_not_said_who_it_is(other):
    (project_lock.LOCK.parent / "lock.json").unlink()
    with pytest.raises(BusyError, match="has not said who it is"), project_lock.held():
        pass


def test_a_folder_without_a_graph_is_no_project(tmp_path):
    (tmp_path / project_lock.GRAPH).unlink()
    with project_lock.held():
        assert not project_lock.LOCK.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["fetch", "gte_base", "--yes", "--to", "weights"],
        ["detect-boxes", "--annotator", "boxes"],
        [
            "import-labels", "x.pkl", "--sample-names", "n", "--class-names", "c", "--out", "o.parquet",
        ],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
@pytest.mark.slow
def test_commands_that_write_wait_their_turn(other, words):
    done = subprocess.run(
        [sys.executable, "-m", "dejavu.cli", *words], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Another run works in ")


@pytest.mark.slow
def test_a_stage_run_by_hand_waits_its_turn(other):
    flags = [f"--{name}=x" for name in ("samples", "labels", "crops", "out")]
    done = subprocess.run(
        [sys.executable, "-m", "stages.oracle", *flags], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Another run works in ")
