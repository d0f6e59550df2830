"""DVC runs commands with names of params.yaml in them: none of those may become a command of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from dejavu.run import graph
from tests.paths import ROOT
from tests.pipeline.project import Project

QUOTED = (  # what quotes hold back
    "`touch canary`", "a$(touch canary)", "vicreg; touch canary; #", "a && touch canary", "a | touch canary",
    "a > canary", "$HOME", '"; touch canary; "', "a\\", "*", "-rf", "é\u202e",
)  # fmt: skip
BREAKING = (
    "a'; touch canary; '",
    "a\ntouch canary",
)  # what leaves quotes: refused before a stage runs
PYTHON = (
    '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done >> words.txt\necho >> words.txt\n'
)


@pytest.fixture
def fake_python(tmp_path, monkeypatch):
    """Put a `python` first that only notes its words."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(PYTHON)
    (tmp_path / "bin" / "python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


def stages_of_entries():
    """Return the stages that run per entry, with their commands, and without files."""
    stages = graph.read(ROOT / "dvc.yaml")
    return {
        name: {"foreach": stage["foreach"], "do": {"cmd": stage["do"]["cmd"]}}
        for name, stage in stages.items()
        if str(stage.get("foreach", "")).startswith("${")  # else over the two lanes
    }


def entries(names):
    """Return an entry of each name for every mapping that stages run over."""
    settings = {name: {"recipe": name} for name in names}
    return {
        "image": dict.fromkeys(("models", "annotators", "classifiers"), settings),
        "caption": {"models": settings},
    }


@pytest.mark.slow
def test_the_shell_takes_names_as_they_are(tmp_path, monkeypatch, fake_python):
    monkeypatch.chdir(tmp_path)
    stages = stages_of_entries()
    assert len(stages) >= 8
    with Path("dvc.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump({"stages": stages}, stream)
    Path("params.yaml").write_text(json.dumps(entries(QUOTED)), encoding="utf-8")
    with Repo.init(no_scm=True) as repo:
        assert len(repo.reproduce()) == len(stages) * len(QUOTED)
    assert not list(tmp_path.rglob("canary"))
    commands = Path("words.txt").read_text(encoding="utf-8").split("\n\n")
    for name in QUOTED:
        passed = [command for command in commands if f"\n{name}\n" in f"{command}\n"]
        assert len(passed) == len(stages), name


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKING)
@pytest.mark.parametrize("where", ["key", "recipe"])
def test_a_run_stops_before_names_that_leave_their_quotes(tmp_path, where, name):
    project = Project(tmp_path / "run")
    models = project.params["image"]["models"]
    if where == "key":
        models[name] = dict(models["vicreg"])
    else:
        models["vicreg"]["recipe"] = name
        project.params["recipes"][name] = dict(project.params["recipes"]["vicreg"])
    project.save()
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode
    assert "a name is text of letters" in done.stderr
    assert "'inputs'" in done.stderr
    assert not list(project.folder.rglob("canary"))
