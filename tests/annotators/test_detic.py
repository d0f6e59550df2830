"""Detic: what goes into the model and comes out of it, with a stand-in for detectron2, which PyPI lacks."""

import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.annotators import detectors, detic
from dejavu.errors import DataError, ParamsError, WeightsError
from dejavu.params.annotators import DeticParams
from tests.annotators.test_corpus_annotator import MACHINE

SETTINGS = {
    "source": "detic", "folder": "Detic", "config": "configs/x.yaml", "weights": "detic.pth",
    "vocabulary": "names.txt", "classifier": "names.npy", "min_score": 0.3, "max_tags": 2,
}  # fmt: skip


def load(folder, **changes):
    machine = MACHINE.model_copy(update={"data_root": str(folder)})
    return detectors.load(DeticParams(**SETTINGS | changes), machine)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Detic").mkdir()
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    np.save(tmp_path / "names.npy", np.arange(3 * 512, dtype=np.float32).reshape(3, 512))
    torch.save(
        {"model": Model().state_dict() | {"cls.zs_weight": torch.zeros(512, 9)}},
        tmp_path / "detic.pth",
    )
    return tmp_path


class Instances:
    """As detectron2's: fields of equal length."""

    def __init__(self, **fields):
        self.__dict__ |= fields

    def to(self, device):
        return self

    def has(self, name):
        return name in self.__dict__


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Linear(2, 2)
        self.cls = torch.nn.Module()
        self.cls.register_buffer("zs_weight", torch.ones(512, 4))
        self.asked = []

    def forward(self, inputs):
        self.asked += inputs
        height, width = inputs[0]["height"], inputs[0]["width"]
        masks = torch.zeros(3, height, width, dtype=torch.bool)
        masks[0, 0, :2] = masks[1, 0, :3] = True
        boxes = types.SimpleNamespace(
            tensor=torch.tensor([[0.0, 0, 2, 1], [0, 0, 3, 1], [1, 1, 2, 2]])
        )
        return [{"instances": Instances(
            scores=torch.tensor([0.5, 0.9, 0.2]), pred_classes=torch.tensor([2, 0, 1]),
            pred_boxes=boxes, pred_masks=masks,
        )}]  # fmt: skip


class Config(types.SimpleNamespace):
    def merge_from_file(self, path):
        self.merged = path


@pytest.fixture
def installed(monkeypatch):
    """Modules by the names that detectron2, CenterNet2 and Detic have."""
    made = types.SimpleNamespace(channels="RGB")
    section = types.SimpleNamespace

    def get_cfg():
        made.config = Config(
            INPUT=section(FORMAT=made.channels, MIN_SIZE_TEST=800, MAX_SIZE_TEST=1333),
            MODEL=section(ROI_HEADS=section(), ROI_BOX_HEAD=section()),
        )  # fmt: skip
        return made.config

    class ResizeShortestEdge:
        def __init__(self, sides, longest):
            made.sides = (sides, longest)

        def get_transform(self, pixels):
            return section(apply_image=lambda pixels: pixels[::2, ::2])

    def build_model(config):
        made.model = Model()
        return made.model

    def reset_cls_test(model, classifier, n):
        made.classifier, made.n = classifier, n

    modules = {
        "detectron2.config": {"get_cfg": get_cfg},
        "detectron2.data.transforms": {"ResizeShortestEdge": ResizeShortestEdge},
        "detectron2.modeling": {"build_model": build_model},
        "centernet.config": {"add_centernet_config": lambda config: None},
        "detic.config": {"add_detic_config": lambda config: None},
        "detic.modeling.utils": {"reset_cls_test": reset_cls_test},
    }
    for name, content in modules.items():
        parts = name.split(".")
        for stop in range(1, len(parts)):
            parent = ".".join(parts[:stop])
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_what_the_model_sees_and_says(folder, installed, channels):
    installed.channels = channels
    looker = load(folder)
    image = Image.new("RGB", (6, 4), (10, 20, 30))
    (found,) = looker.look([image])
    (asked,) = installed.model.asked
    expected = (10, 20, 30) if channels == "RGB" else (30, 20, 10)
    assert asked["image"].shape == (3, 2, 3)  # resized
    assert asked["image"][:, 0, 0].tolist() == list(expected)
    assert (asked["height"], asked["width"]) == (4, 6)  # of the image itself
    assert installed.sides == ([800, 800], 1333)
    assert found.name_ids.tolist() == [0, 2]  # the third detection is below 0.3
    assert found.scores.tolist() == [0.9, 0.5]
    assert found.boxes.tolist() == [[0, 0, 3, 1], [0, 0, 2, 1]]
    assert found.mask_areas.tolist() == [3, 2]
    assert list(looker.vocabulary) == ["ant", "bee", "cat"]


def test_the_model_is_built_without_unpickling_and_gets_the_names(folder, installed):
    load(folder)
    config = installed.config
    assert config.merged == str(folder / "Detic/configs/x.yaml")
    assert config.MODEL.WEIGHTS == ""
    assert config.MODEL.ROI_BOX_HEAD.ZEROSHOT_WEIGHT_PATH == "rand"
    assert config.MODEL.ROI_HEADS.SCORE_THRESH_TEST == 0.3
    assert installed.n == 3
    assert installed.classifier.shape == (512, 3)
    assert installed.classifier[1].tolist() == [1, 513, 1025]
    saved = torch.load(folder / "detic.pth", weights_only=True)["model"]
    assert torch.equal(installed.model.backbone.weight, saved["backbone.weight"])
    assert str(folder / "Detic") not in sys.path


def test_where_it_is_not_installed_the_error_names_the_way_out(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "centernet", None)
    with pytest.raises(
        ParamsError, match="cannot import centernet.*source: table reads .*import-labels"
    ):
        load(folder)
    assert str(folder / "Detic") not in sys.path


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((512, 3), np.float32), r"shape \(512, 3\), expected \(3, 512\)"),
        (np.full((3, 512), np.nan, np.float32), "NaN or infinity"),
        (np.array([object()]), "not a .npy file of plain numbers"),
    ],
)
def test_wrong_classifiers_are_refused(folder, array, message):
    np.save(folder / "names.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_wrong_weights_are_refused(folder, installed):
    torch.save({"model": {"backbone.weight": torch.zeros(2, 2)}}, folder / "detic.pth")
    with pytest.raises(WeightsError, match="missing: backbone.bias"):
        load(folder)
    installed.channels = "L"
    with pytest.raises(ParamsError, match="INPUT.FORMAT of the config is 'L'"):
        detic.model_pixels(Image.new("RGB", (2, 2)), "L")
