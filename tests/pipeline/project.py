"""The whole project on small corpora, in a folder of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dejavu.api.settings import editor
from tests.paths import ROOT


def small(values):
    """Shrink params.yaml to what two minutes hold; the graph stays the same."""
    image, caption, recipes = values["image"], values["caption"], values["recipes"]
    image["corpus"]["n_images"] = 300
    image["split"]["shares"] = {"target": 0.2, "reference": 0.2, "public": 0.4, "control": 0.2}
    for name in [name for name in image["models"] if not name.startswith("vicreg")]:
        del image["models"][name]
    image["neighbors"] |= {"k": 5, "candidate_margin": 5}
    image["annotators"]["visual_words"] |= {"n_words": 16, "n_training_patches": 2000}
    recipes["vicreg"] |= {
        "epochs": 3, "batch_size": 16, "projector_dim": 32, "width": 4, "planted_repeats": 4,
    }  # fmt: skip
    caption["corpus"]["n_images"] = 300
    caption["split"]["shares"] = {"target": 0.2, "reference": 0.2, "public": 0.4, "control": 0.2}
    caption["retrieve"] |= {"k": 10, "candidate_margin": 5}
    caption["score"]["k"] = [1, 10]
    recipes["clip"] |= {"epochs": 1, "batch_size": 16, "min_recall_at_10": 0.0}
    recipes["clip"]["network"] |= {"vision_layers": 1, "text_layers": 1}
    values["limits"]["labels_without_bank"] = 0.1  # of twenty labels, few samples have some
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
        self.params = editor().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        small(self.params)
        self.save()
        self.dvc("init", "--no-scm", "--quiet")

    @classmethod
    def opened(cls, folder: Path) -> "Project":
        """Return the project that lies in `folder`."""
        project = object.__new__(cls)
        project.folder = folder
        project.params = editor().load((folder / "params.yaml").read_text(encoding="utf-8"))
        return project

    def copy(self, folder: Path) -> "Project":
        """Return a copy with its results and cache, to change at will."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return type(self).opened(folder)

    def save(self):
        with (self.folder / "params.yaml").open("w", encoding="utf-8") as stream:
            editor().dump(self.params, stream)

    def environment(self):
        """Return the variables that DVC runs with: this project's code, this Python."""
        return os.environ | {
            "PYTHONPATH": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
        }

    def dvc(self, *words):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=self.folder, env=self.environment(), capture_output=True, text=True,
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
