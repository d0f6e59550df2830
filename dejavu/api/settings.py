"""The params.yaml of an audit in Python: a preset of the pipeline with what the caller asked for."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from dejavu.errors import ParamsError, suggestion
from dejavu.roles import CONSENSUS
from dejavu.run.pipeline import pipeline_folder

PRESET = "my-model"
MODEL = "model"  # the name of the network under audit in every table
REFERENCES = ("classifier", "naive_bayes")


def references_of(names: Sequence[str] | None, *, has_reference: bool) -> tuple[str, ...]:
    """Return the one-model references to make; none without a data set to train them on.

    Raises:
        ParamsError: a name is unknown, or there is nothing to train on.
    """
    if names is None:
        return REFERENCES if has_reference else ()
    if unknown := [name for name in names if name not in REFERENCES]:
        raise ParamsError(f"references: no {unknown[0]!r}.{suggestion(unknown[0], REFERENCES)}")
    if names and not has_reference:
        raise ParamsError(
            "references are trained on images of their own: give a data set as `reference`, or "
            "leave both out."
        )
    return tuple(name for name in REFERENCES if name in names)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an audit changes of the preset."""

    folder: Path  # of the project: images by role and label in ``corpus``, vectors in ``vectors``
    roles: tuple[str, ...]  # that have a data set
    references: tuple[str, ...]  # of `REFERENCES`
    k: int  # public images that vote
    seed: int
    device: str  # as torch names it, or auto


def write(path: Path, asked: Asked, *, layers: Sequence[str], has_boxes: bool) -> None:
    """Write params.yaml; `dvc repro` with it makes the same numbers as the audit.

    Args:
        path: the file to write.
        asked: what differs from the preset.
        layers: of the model, the headline first.
        has_boxes: whether objects are located; without boxes a corner of the image is the crop.
    """
    yaml = YAML()
    values = yaml.load(pipeline_folder() / "presets" / f"{PRESET}.yaml")
    values["seed"] = asked.seed
    image = values["image"]
    image["corpus"] |= {
        "root": str(asked.folder / "corpus"), "use": list(asked.roles),
        "boxes": "boxes.csv" if has_boxes else None,
    }  # fmt: skip
    image["split"] |= {
        "roles_from": {"source": "folders", "folders": {role: role for role in asked.roles}},
        "without_box": None,
    }
    image["crop"]["rule"] = "largest" if has_boxes else "corner"
    image["models"] = {
        MODEL: {
            "source": "embeddings", "recipe": "released", "trained_on": "target",
            "second_model": None, "layers": list(layers), "path": str(asked.folder / "vectors"),
        }
    }  # fmt: skip
    image["neighbors"] |= {"k": asked.k, "metrics": ["cosine"]}
    references = asked.references
    if "classifier" not in references:
        image["classifiers"] = {}
    members = ["naive_bayes@5" if name == "naive_bayes" else name for name in references]
    image["score"]["references"] = (
        [*references, CONSENSUS] if len(members) > 1 else list(references)
    )
    image["score"]["consensus_of"] = members
    values["report"]["covariates"] = members
    lead = members[0] if members else "classifier"
    values["report"]["headline"]["image"] = {"target": MODEL, "reference": lead}
    values["machine"]["device"] = asked.device
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(values, stream)
