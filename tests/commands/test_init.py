import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dejavu import cli
from dejavu.errors import DataError, ParamsError
from tests.paths import ROOT


def init(*words):
    return CliRunner().invoke(cli.app, ["init", *map(str, words)])


@pytest.mark.slow
def test_a_new_folder_holds_all_that_a_run_needs(tmp_path):
    done = init(tmp_path / "audit")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "audit"
    for name in ("dvc.yaml", "params.yaml", "stages/report.py", "presets/my-model.yaml"):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    assert "no_scm" in (folder / ".dvc" / "config").read_text()
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--names-only"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    assert "report" in listed.stdout.split()


@pytest.mark.slow
def test_a_preset_becomes_the_parameters(tmp_path):
    init(tmp_path / "audit", "--preset", "my-model")
    found = YAML(typ="safe").load(tmp_path / "audit" / "params.yaml")
    assert found["image"]["corpus"]["adapter"] == "image_folder"


@pytest.mark.slow
def test_inside_git_the_project_is_a_part_of_it(tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert init(tmp_path / "audit").exit_code == 0
    assert "no_scm" not in (tmp_path / "audit" / ".dvc" / "config").read_text()


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    done = init(tmp_path)
    assert isinstance(done.exception, DataError)
    assert "thesis.tex" in str(done.exception)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_wrong_preset_is_named_before_anything_is_written(tmp_path):
    done = init(tmp_path / "audit", "--preset", "my_model")
    assert isinstance(done.exception, ParamsError)
    assert "'my-model'" in str(done.exception)
    assert not (tmp_path / "audit").exists()


@pytest.mark.slow
def test_a_wheel_lays_out_a_project_that_runs(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    heavy = shutil.ignore_patterns(
        ".git", ".venv", ".work", "cache", "tmp", "docs", "tests", "__pycache__"
    )
    shutil.copytree(ROOT, tmp_path / "source", ignore=heavy)
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "source"], check=True
    )
    (wheel,) = tmp_path.glob("dejavu_audit-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "site", wheel], check=True)
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "site"), "DVC_NO_ANALYTICS": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }  # fmt: skip

    def run(*words, cwd):
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("dejavu.cli", "init", "audit", cwd=tmp_path)
    where = "import dejavu, sys; sys.stdout.write(dejavu.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path / "audit", env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.startswith(str(tmp_path / "site"))
    names = run("dvc", "repro", "split@caption", cwd=tmp_path / "audit")
    assert "split@caption" in names
    assert (tmp_path / "audit/data/caption/splits.parquet").is_file()
