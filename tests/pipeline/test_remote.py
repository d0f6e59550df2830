"""Results travel through a remote, and the table of experiments stays readable."""

import csv
import io
import shutil
import subprocess

import pytest

from tests.paths import ROOT
from tests.pipeline.project import Project


@pytest.fixture(scope="module")
def pushed(small_run, tmp_path_factory):
    """A copy of the run that put its results on a shelf, and the shelf."""
    folder = tmp_path_factory.mktemp("remote")
    project = small_run.copy(folder / "ours")
    project.dvc("remote", "add", "--default", "shelf", str(folder / "shelf"))
    project.dvc("push")
    return project


def test_a_clone_pulls_every_table_and_runs_nothing_anew(pushed, tmp_path):
    clone = tmp_path / "clone"
    kept_by_git = ("dejavu", "stages", "dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore")
    for name in (*kept_by_git, "reports"):
        source = pushed.folder / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "index.html")  # the page is in the cache
            shutil.copytree(source, clone / name, ignore=ignore)
        else:
            clone.mkdir(exist_ok=True)
            shutil.copy(source, clone / name)
    shutil.copytree(
        pushed.folder / ".dvc", clone / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp")
    )
    theirs = Project.opened(clone)
    theirs.dvc("pull")
    files = [
        path.relative_to(pushed.folder)
        for path in (pushed.folder / "data").rglob("*")
        if path.is_file()
    ]
    assert len(files) > 50
    assert [file for file in files if theirs.read(file) != pushed.read(file)] == []
    assert theirs.read("reports/index.html") == pushed.read("reports/index.html")
    assert theirs.repro() == []


@pytest.mark.slow
def test_the_documented_table_of_experiments_has_few_columns(tmp_path):
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "reports").mkdir()
    shutil.copy(ROOT / "reports/metrics.json", tmp_path / "reports")
    project = Project.opened(tmp_path)
    git(tmp_path, "init", "--quiet")
    project.dvc("init", "--quiet")
    commit(tmp_path)
    project.params["image"]["naive_bayes"]["alpha"] = 2.0
    project.save()
    (tmp_path / "reports/metrics.json").write_text(
        (tmp_path / "reports/metrics.json").read_text(encoding="utf-8").replace("1", "2")
    )
    commit(tmp_path)
    recipe = (ROOT / "docs/recipes.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in recipe if line.startswith("dvc exp show"))
    words = line.replace('"', "").replace("--md", "--csv").split()[1:]
    header, *rows = csv.reader(io.StringIO(project.dvc(*words, "-n", "2")))
    assert len(rows) == 2
    assert any(name.endswith("naive_bayes.alpha") for name in header)
    assert len(header) < 10
    words = line.replace('"', "").split()[1:]
    assert max(map(len, project.dvc(*words, "-n", "2").splitlines())) < 120


def commit(folder):
    git(folder, "add", ".")
    git(
        folder,
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "-m",
        "a",
    )


def git(folder, *words):
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
