"""The params.yaml of an audit in Python: a preset of the pipeline with what the caller asked for."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from dejavu.api.datasets import Written
from dejavu.errors import ParamsError, suggestion
from dejavu.roles import CONSENSUS
from dejavu.run.pipeline import pipeline_folder

PRESET = "my-model"
MODEL = "model"  # the name of the network under audit in every table
REFERENCES = ("classifier", "naive_bayes")
TEXT_MODELS = ("text_model",)
K = {"image": 100, "caption": 10}  # public samples that count, as in the paper
_DEFAULT_BATCH = 64
_CROP_PX, _IMAGE_PX = 14, 64  # a crop's shorter side exceeds this share of a small image's side


def batch_size(given: int | None, limit: int | None) -> int:
    """Return how many samples a model sees at once.

    Raises:
        ParamsError: it, or the limit of samples, is below 1.
    """
    if (given is not None and given < 1) or (limit is not None and limit < 1):
        raise ParamsError(f"batch_size and limit are at least 1, found {given} and {limit}.")
    return given or _DEFAULT_BATCH


def smallest_crop(given: int | None, sides_px: Sequence[int]) -> int:
    """Return the pixels that a crop's shorter side must exceed.

    Args:
        given: as the caller wants it; None: 14, or less where images are smaller than 64 pixels.
        sides_px: shorter sides of the images that the model was trained on.

    Raises:
        ParamsError: it is below 0.

    >>> smallest_crop(None, [500, 375]), smallest_crop(None, [32, 32]), smallest_crop(5, [32])
    (14, 7, 5)
    """
    if given is not None:
        if given < 0:
            raise ParamsError(f"min_crop_px: {given}, expected 0 pixels or more.")
        return given
    typical = int(np.median(sides_px)) if len(sides_px) else _IMAGE_PX
    return min(_CROP_PX, typical * _CROP_PX // _IMAGE_PX)


def require_fitting(
    lane: str, *, tokenizer: Any, layers: Any, reference: Any, min_crop_px: int | None = None
) -> None:
    """Refuse what the lane does not know.

    Raises:
        ParamsError: an unknown lane; texts for images; layers of captions, or data that train a reference.
    """
    if lane not in K:
        raise ParamsError(f"lane: {lane!r}, expected 'image' or 'caption'.")
    if lane == "image":
        if tokenizer is not None:
            raise ParamsError(
                "tokenizer: only lane='caption' reads texts. Leave it out, or name the lane."
            )
        return
    if layers is not None:
        raise ParamsError("layers: captions and images meet in the output alone. Leave layers out.")
    if min_crop_px is not None:
        raise ParamsError("min_crop_px: captions have no crops. Leave it out, or lane='caption'.")
    if reference is not None:
        raise ParamsError(
            "reference: no reference is trained with lane='caption'; the text model is. Leave it out."
        )


def references_of(
    names: Sequence[str] | None, lane: str = "image", *, has_reference: bool
) -> tuple[str, ...]:
    """Return the one-model references to make; none without a data set to train them on.

    Captions have one reference, a text model, which is not made.

    Raises:
        ParamsError: a name is unknown, or there is nothing to train on.
    """
    if lane == "caption":
        if unknown := [name for name in names or () if name not in TEXT_MODELS]:
            raise ParamsError(
                f"references: no {unknown[0]!r} with lane='caption', whose one reference is 'text_model'."
            )
        return ()
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
    min_crop_px: int | None = (
        None  # a crop's shorter side exceeds it; None: by the size of the images
    )


def editor() -> YAML:
    """Return what reads params.yaml and writes it back with its comments and quotes.

    DVC's parser, where it is the one in C, refuses ``{weights: packaged:name}`` without quotes.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    return yaml


def write(path: Path, asked: Asked, given: Written, *, layers: Sequence[str]) -> None:
    """Write params.yaml; `dvc repro` with it makes the same numbers as the audit.

    Args:
        path: the file to write.
        asked: what differs from the preset.
        given: the data sets; without boxes a corner of the image is the crop.
        layers: of the model, the headline first.

    Raises:
        ParamsError: `min_crop_px` is below 0.
    """
    yaml = editor()
    values = yaml.load(pipeline_folder() / "presets" / f"{PRESET}.yaml")
    values["seed"] = asked.seed
    image = values["image"]
    image["corpus"] |= {
        "root": str(asked.folder / "corpus"), "use": list(asked.roles),
        "boxes": "boxes.csv" if given.has_boxes else None,
    }  # fmt: skip
    image["split"] |= {
        "roles_from": {"source": "folders", "folders": {role: role for role in asked.roles}},
        "without_box": None,
    }
    image["crop"] |= {
        "rule": "largest" if given.has_boxes else "corner",
        "min_side_px": smallest_crop(asked.min_crop_px, given.sides_px),
    }
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
