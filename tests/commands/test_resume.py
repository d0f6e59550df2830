"""`dejavu resume` goes on after a kill that left half of dvc.lock, with DVC itself at work."""

import os
import shutil
import subprocess
import sys

import pytest

from dejavu.run import dvc_lock
from tests.paths import ROOT

GRAPH = """
stages:
  a:
    cmd: echo a > a.txt
    outs: [a.txt]
  b:
    cmd: cp a.txt b.txt
    deps: [a.txt]
    outs: [b.txt]
"""
HOLD = "from dvc.repo import Repo\nwith Repo('.') as r, r.lock: print(1, flush=True); input()"


def run(folder, *words):
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"  # noqa: PTH120
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "PATH": path},
    )  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of two stages that ran, and the record that DVC wrote."""
    folder = tmp_path_factory.mktemp("resume")
    (folder / "dvc.yaml").write_text(GRAPH)
    assert run(folder, "dvc", "init", "--no-scm", "-q").returncode == 0
    assert run(folder, "dvc", "repro").returncode == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("has_copy", [True, False])
def test_half_a_record_needs_no_hand(project, has_copy):
    record = project / dvc_lock.RECORD
    whole = record.read_text()
    copy = project / dvc_lock.LAST_GOOD
    copy.parent.mkdir(exist_ok=True)
    copy.unlink(missing_ok=True)
    if has_copy:
        copy.write_text(whole)
    record.write_text(whole[: len("schema: '2")])
    refused = run(project, "dvc", "repro")
    assert refused.returncode != 0
    assert "dvc.lock" in refused.stderr
    done = run(project, "dejavu.cli", "resume")
    assert done.returncode == 0, done.stderr
    assert "was not whole" in done.stderr
    assert record.read_text() == whole
    assert (project / "b.txt").read_text() == "a\n"


@pytest.mark.slow
def test_half_a_list_of_who_works_on_what_needs_no_hand(project):
    (project / dvc_lock.WORKERS).write_text('{"write": {"a')
    (project / "a.txt").unlink()
    assert "JSON structure is corrupted" in run(project, "dvc", "repro").stderr
    done = run(project, "dejavu.cli", "resume")
    assert done.returncode == 0, done.stderr
    assert (project / "a.txt").read_text() == "a\n"


@pytest.mark.slow
def test_a_project_on_a_read_only_mount_is_one_line(project):
    """In a namespace of its own, where anyone may mount; that of the tests stays as it is."""
    here = f"mount --bind {project} {project} && mount -o remount,ro,bind {project} && cd {project}"
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*words, here], capture_output=True).returncode
    ):
        pytest.skip("nothing can be mounted here")
    done = subprocess.run(
        [*words, f"{here} && {sys.executable} -m dejavu.cli resume"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: {project}: Read-only file system. It is on a read-only file system: run in a copy of the "
        "project that can be written.\n"
    )


@pytest.mark.slow
def test_a_record_that_a_run_is_writing_is_left_alone(project):
    record = project / dvc_lock.RECORD
    whole = record.read_text()
    record.write_text(whole[: len("schema: '2")])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "1\n"
        done = run(project, "dejavu.cli", "resume")
        assert done.returncode == 1
        assert done.stderr.startswith("Error: DVC works in this project.")
        assert record.read_text() == whole[: len("schema: '2")]
    finally:
        holder.communicate("\n")
        record.write_text(whole)
