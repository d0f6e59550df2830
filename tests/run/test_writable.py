"""A place that cannot be written is named before DVC starts, with what to do."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.check import room
from dejavu.check.findings import tried
from dejavu.commands import boundary, resume
from dejavu.run import writable

READ_ONLY = OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "notes" / "dvc"))
    for folder in (".dvc/tmp", "data", "reports", "notes"):
        Path(folder).mkdir(parents=True)
    Path("dvc.lock").write_text("schema: '2.0'\n")
    return tmp_path


def refuse(folder, monkeypatch, error=READ_ONLY):
    """Let the system refuse what root may do: write in `folder`."""
    make, start = tempfile.TemporaryFile, Path.open

    def made(*, dir):
        if Path(dir) == folder:
            raise error
        return make(dir=dir)

    def opened(self, mode="r", *words, **more):
        if self == folder and mode != "r":
            raise OSError(error.errno, error.strerror, str(self))
        return start(self, mode, *words, **more)

    monkeypatch.setattr(writable.tempfile, "TemporaryFile", made)
    monkeypatch.setattr(Path, "open", opened)


def test_nothing_is_left_where_all_can_be_written(project):
    before = sorted(project.rglob("*"))
    writable.require(Path())
    assert sorted(project.rglob("*")) == before
    assert Path("dvc.lock").read_text() == "schema: '2.0'\n"


@pytest.mark.parametrize("name", ["", ".dvc", ".dvc/tmp", "data", "reports", "dvc.lock", "notes"])
def test_the_first_place_that_cannot_be_written_is_named(project, monkeypatch, capsys, name):
    refuse(project / name, monkeypatch)
    assert boundary.run(lambda: writable.require(Path())) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"Error: {project / name}: Read-only file system")
    assert told.count("\n") == 1
    assert ("DVC_SITE_CACHE_DIR" in told) == (name == "notes")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_resume_says_so_before_dvc_starts(project, monkeypatch, number):
    monkeypatch.setattr(resume.os, "execv", lambda *words: pytest.fail("DVC was started"))
    refuse(project, monkeypatch, OSError(number, os.strerror(number)))
    done = CliRunner().invoke(cli.app, ["resume"])
    assert isinstance(done.exception, OSError)
    assert (done.exception.errno, done.exception.filename) == (number, str(project))


def test_check_names_the_place_in_the_place_of_the_stages_that_would_run(project, monkeypatch):
    refuse(project / "data", monkeypatch)
    Path("params.yaml").write_text("seed: 0\n")
    found = tried("stages", "dvc status", lambda: room._status(Path("params.yaml"), 10.0))
    assert found.status == "wrong"
    assert found.detail.startswith(
        f"{project / 'data'}: Read-only file system. It is on a read-only"
    )
