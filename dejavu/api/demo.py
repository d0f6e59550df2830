"""A small audit on generated images: one network is trained, and its memorization measured."""

from pathlib import Path

from dejavu.api import answer, settings
from dejavu.api.result import Audit
from dejavu.api.stages import Project
from dejavu.run.pipeline import pipeline_folder

MODEL = "vicreg"
N_IMAGES = 2400
SHARES = {"target": 0.12, "reference": 0.12, "public": 0.54, "control": 0.22}
EPOCHS = 100


def run(folder: Path, *, seed: int) -> Audit:
    """Train VICReg on a few hundred generated images, audit it, and write the report.

    Args:
        folder: to make; it holds the tables afterwards.
        seed: of the images and of the training.

    Raises:
        TrainingError: the network learned nothing.
    """
    folder.mkdir(parents=True)
    project = Project(folder=folder.resolve())
    _write_params(project.params, seed)
    with project.at_work():
        project.list_and_crop()
        project.vote(has_references=True)
        return answer.of(project, MODEL, with_report=True, scratch=None)


def _write_params(path: Path, seed: int) -> None:
    """Write the default run's parameters with one model, fewer images and no captions."""
    yaml = settings.editor()
    values = yaml.load(pipeline_folder() / "params.yaml")
    unused = yaml.load(pipeline_folder() / "presets" / f"{settings.PRESET}.yaml")["caption"]
    values["seed"], values["caption"] = seed, unused
    image = values["image"]
    image["corpus"]["n_images"] = N_IMAGES
    image["split"]["shares"] = dict(SHARES)
    image["models"] = {MODEL: {**image["models"][MODEL], "second_model": None}}
    image["score"]["references"] = ["classifier", "naive_bayes", "oracle"]
    image["neighbors"]["metrics"] = ["cosine"]
    values["recipes"][MODEL] |= {"epochs": EPOCHS, "batch_size": 128}
    values["report"]["headline"] = {
        "image": {"target": MODEL, "reference": "classifier"}, "caption": None,
    }  # fmt: skip
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(values, stream)
