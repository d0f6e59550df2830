"""The settings of `benchmarks.mitigations`: a base for each lane, and one thing changed at a time."""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

LANES = ("image", "caption")
FURTHER = "further-captions.parquet"  # written by `mitigation_captions`
_ROOT = Path(__file__).parent.parent
_PER_LABEL = "image.split.max_per_label"
# One corpus for every size of the training set: the bank has as many images as in the default run, and 25
# images of each of 20 labels leave every other role as large as there.
_CORPUS = {
    "image.corpus.n_images": 7168,
    "image.split.shares": {
        "target": 0.142858,
        "reference": 0.142857,
        "public": 0.571428,
        "control": 0.142857,
    },
}


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One way to train."""

    lane: str
    name: str
    rank: int  # low ranks are measured first
    changes: Mapping[str, Any]  # by dotted name of the parameter

    @property
    def is_base(self) -> bool:
        """Return whether it is what the others are compared with."""
        return not self.changes


def _per_label(n: int) -> dict[str, Any]:
    """Return caps: control has as many labels of each kind as target, or evenly more."""
    return {
        _PER_LABEL: {"target": n, "reference": max(n, 25), "public": None, "control": max(n, 25)}
    }


def _recipe(name: str, **changes: Any) -> dict[str, Any]:
    return {f"recipes.{name}.{key}": value for key, value in changes.items()}


def _image(name: str, rank: int, **changes: Any) -> Setting:
    return Setting("image", name, rank, _recipe("vicreg", **changes))


def _caption(name: str, rank: int, **changes: Any) -> Setting:
    return Setting("caption", name, rank, _recipe("clip", **changes))


SETTINGS = (
    _image("base", 0),
    _image("smallest view 0.2", 5, min_crop_scale=0.2),
    _image("smallest view 0.4", 0, min_crop_scale=0.4),
    _image("epochs 60", 4, epochs=60),
    _image("epochs 30", 1, epochs=30),
    _image("weight decay 0.01", 9, weight_decay=0.01),
    _image("weight decay 0.1", 2, weight_decay=0.1),
    _image("repeats 1", 0, planted_repeats=1),
    _image("repeats 1, as many steps", 4, planted_repeats=1, epochs=500),
    _image("repeats 2", 8, planted_repeats=2),
    _image("repeats 4", 6, planted_repeats=4),
    _image("repeats 16", 8, planted_repeats=16),
    Setting("image", "12 per label", 3, _per_label(12)),
    Setting("image", "50 per label", 5, _per_label(50)),
    _caption("base", 0),
    _caption("text mask 0.3", 0, text_mask_share=0.3),
    _caption("text mask 0.6", 4, text_mask_share=0.6),
    _caption("embedding noise 0.05", 1, embedding_noise=0.05),
    _caption("embedding noise 0.2", 5, embedding_noise=0.2),
    _caption("temperature 0.07", 3, min_temperature=0.07),
    _caption("temperature 0.2", 5, min_temperature=0.2),
    _caption("epochs 12", 2, epochs=12),
    Setting("caption", "second caption", 1, {"caption.models.clip.further_captions": FURTHER}),
)


def params_of(setting: Setting, seed: int) -> dict[str, Any]:
    """Return params.yaml of one point, made from that of this repository."""
    found = {"image": _image_base, "caption": _caption_base}[setting.lane]()
    found["seed"] = seed
    found["report"] |= {"resamples": 200, "thumbnails": False}
    for name, value in setting.changes.items():
        change(found, name, value)
    return found


def change(values: dict[str, Any], name: str, value: Any) -> None:
    """Set one parameter by its dotted name."""
    *path, last = name.split(".")
    place = values
    for key in path:
        place = place[key]
    place[last] = copy.deepcopy(value)


def _image_base() -> dict[str, Any]:
    """Return the default run with VICReg alone, no second model, and no captions."""
    found, unused = _read("params.yaml"), _read("presets/sweep.yaml")
    found["caption"] = unused["caption"]
    image = found["image"]
    image["models"] = {"vicreg": image["models"]["vicreg"] | {"second_model": None}}
    image["neighbors"]["metrics"] = ["cosine"]
    image["annotators"] = {"corpus": image["annotators"]["corpus"]}
    image["score"]["references"] = ["classifier", "naive_bayes"]
    found["report"]["headline"] = {
        "image": {"target": "vicreg", "reference": "classifier"}, "caption": None,
    }  # fmt: skip
    found["recipes"] = {name: found["recipes"][name] for name in ("released", "vicreg")}
    for name, value in (_CORPUS | _per_label(25)).items():
        change(found, name, value)
    return found


def _caption_base() -> dict[str, Any]:
    """Return the default run with CLIP and its text model alone, no second model, and no images."""
    found, unused = _read("params.yaml"), _read("presets/coco-clip.yaml")
    found["image"] = unused["image"]
    caption = found["caption"]
    caption["models"] = {
        "clip": caption["models"]["clip"] | {"second_model": None},
        "minilm": caption["models"]["minilm"],
    }
    caption["score"]["references"] = ["text_model"]
    found["report"]["headline"]["image"] = None
    found["recipes"] = {name: found["recipes"][name] for name in ("released", "clip")}
    found["recipes"]["clip"]["min_recall_at_10"] = 0.0  # what learned too little is measured, too
    return found


def _read(path: str) -> dict[str, Any]:
    return dict(yaml.safe_load((_ROOT / path).read_text(encoding="utf-8")))
