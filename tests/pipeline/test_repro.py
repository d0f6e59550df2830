"""The whole pipeline on small corpora, through DVC, as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scripts.sync_deps import ROOT


def small(values):
    """Shrink params.yaml to what two minutes hold; the graph stays the same."""
    image, caption, recipes = values["image"], values["caption"], values["recipes"]
    image["corpus"]["n_images"] = 300
    image["split"]["shares"] = {"target": 0.2, "reference": 0.2, "public": 0.4, "control": 0.2}
    for name in [name for name in image["models"] if not name.startswith("vicreg")]:
        del image["models"][name]
    image["neighbors"] |= {"k": 5, "candidate_margin": 5}
    image["annotators"]["visual_words"] |= {"n_words": 16, "n_training_patches": 2000}
    recipes["vicreg"] |= {"epochs": 3, "batch_size": 16, "projector_dim": 32, "width": 4}
    caption["corpus"]["n_images"] = 300
    caption["split"]["shares"] = {"target": 0.2, "reference": 0.2, "public": 0.4, "control": 0.2}
    caption["retrieve"] |= {"k": 10, "candidate_margin": 5}
    caption["score"]["k"] = [1, 10]
    recipes["clip"] |= {"epochs": 1, "batch_size": 16, "min_recall_at_10": 0.0}
    recipes["clip"]["network"] |= {"vision_layers": 1, "text_layers": 1}
    values["report"]["resamples"] = 50


class Project:
    """A copy of the project with its own DVC cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("dejavu", "stages"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("dvc.yaml", ".dvcignore"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "data").mkdir()
        self.params = YAML().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        small(self.params)
        self.save()
        self.dvc("init", "--no-scm", "--quiet")

    def save(self):
        with (self.folder / "params.yaml").open("w", encoding="utf-8") as stream:
            YAML().dump(self.params, stream)

    def dvc(self, *words):
        environment = os.environ | {
            "PYTHONPATH": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=self.folder, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def repro(self):
        """Run what changed and return the names of the stages that ran, but the one that always does."""
        self.save()
        lines = self.dvc("repro").splitlines()
        ran = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
        return [name for name in ran if name != "inputs"]

    def read(self, name):
        return (self.folder / name).read_bytes()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project") / "run")
    assert "report" in project.repro()
    return project


def test_the_report_holds_both_lanes(project):
    results = json.loads(project.read("reports/results.json"))
    vicreg = results["image"]["vicreg"]
    assert {"second_model", "classifier", "naive_bayes@5", "oracle", "consensus"} <= set(vicreg)
    assert vicreg["second_model"]["excess"]["dejavu_score_ci95"]
    assert results["caption"]["clip"]["text_model"]["t2i"]["k=10"]["top=all"]["excess"]
    metrics = json.loads(project.read("reports/metrics.json"))
    assert 1 <= sum(len(numbers) for numbers in metrics.values()) <= 15
    assert project.read("reports/summary.md").startswith("# Déjà vu".encode())


def test_nothing_runs_twice(project):
    assert project.repro() == []


def test_a_machine_setting_reruns_nothing(project):
    project.params["machine"]["batch_images"] = 64
    assert project.repro() == []


def test_a_parameter_of_naive_bayes_reruns_what_depends_on_it(project):
    project.params["image"]["naive_bayes"]["alpha"] = 0.5
    assert project.repro() == ["naive_bayes", "score_labels", "report"]


def test_one_more_model_reruns_its_own_branch(project):
    entry = dict(project.params["image"]["models"]["vicreg"]) | {"second_model": None}
    project.params["image"]["models"]["another"] = entry
    ran = project.repro()
    branch = {"encoder@another", "embed@another", "neighbors@another"}
    assert set(ran) == branch | {"vote", "score_labels", "report"}


def test_another_folder_gives_the_same_bytes_and_a_lane_can_be_left_out(project, tmp_path):
    twin = Project(tmp_path / "twin")
    twin.params = project.params
    twin.params["caption"]["corpus"] = {"adapter": "none"}
    for name in ("clip", "clip_second"):
        del twin.params["caption"]["models"][name]
    twin.repro()
    assert json.loads(twin.read("reports/results.json"))["caption"] == {}
    files = sorted((project.folder / "data" / "image").rglob("*.parquet"))
    names = [file.relative_to(project.folder) for file in files]
    assert len(names) > 20
    assert not [str(name) for name in names if twin.read(name) != project.read(name)]
    ours, theirs = (json.loads(p.read("reports/results.json"))["image"] for p in (twin, project))
    assert ours == theirs
