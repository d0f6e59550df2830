"""Every kind of checkpoint into every loader: it works, or ends in a clear error; never a wrong number."""

import re
from pathlib import Path

import pytest
import timm
import torch
from pydantic import TypeAdapter

from dejavu.errors import DejavuError, WeightsError
from dejavu.models import encoders
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.clip.open_clip import open_released
from dejavu.models.encoders import torchvision as torchvision_models
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.source import TrainingInputs
from dejavu.params.caption import OpenClipParams
from dejavu.params.encoders import ModelParams, ReleasedRecipe
from dejavu.params.machine import MachineParams
from tests.models import clip_files, fixtures, odd_files
from tests.paths import ROOT

DOCUMENT = ROOT / "docs" / "checkpoints.md"

LOADERS = {  # name in the table → source and what else its entry in params.yaml states
    "vicreg": ("vicreg", {}),
    "barlow_twins": ("barlow_twins", {}),
    "dino, teacher": ("dino", {"network": "teacher", "num_heads": 1}),
    "dino, student": ("dino", {"network": "student", "num_heads": 1}),
    "torchvision": ("torchvision", {"name": "resnet18"}),
    "timm": ("timm", {"name": "vit_small_patch16_224.augreg_in21k_ft_in1k"}),
    "file": ("file", {}),
    "open_clip": ("open_clip", {}),
}

FLAT = {"vicreg", "barlow_twins", "dino, teacher"}  # one layout of three projects: one network
DINO = {"dino, teacher", "dino, student"}
CLIP = {"open_clip"}


def dino_vit(path):
    return fixtures.dino_full(path, vit=True)


def dino_resnet(path):
    return fixtures.dino_full(path, vit=False)


def dino_resnet_without_module(path):
    return fixtures.dino_full(path, vit=False, teacher_module=False)


# kind of file → how to make it, the loaders that take it, what the others say it looks like
KINDS = {
    "VICReg ResNet, backbone": (fixtures.vicreg_backbone, FLAT, "ResNet backbone"),
    "VICReg ResNet, full": (fixtures.vicreg_full, {"vicreg"}, "source: vicreg"),
    "Barlow Twins ResNet, backbone": (fixtures.barlow_twins_backbone, FLAT, "ResNet backbone"),
    "Barlow Twins ResNet, full": (
        fixtures.barlow_twins_full, {"barlow_twins"}, "source: barlow_twins",
    ),
    "Barlow Twins of VISSL": (
        fixtures.barlow_twins_vissl, {"barlow_twins"}, "source: barlow_twins",
    ),
    "DINO ViT, backbone": (fixtures.dino_vit_backbone, {"dino, teacher"}, "source: dino"),
    "DINO ViT, full": (dino_vit, DINO, "source: dino"),
    "DINO ResNet, full": (dino_resnet, DINO, "source: dino"),
    "DINO ResNet, full, teacher without `module.`": (
        dino_resnet_without_module, DINO, "source: dino",
    ),
    "ResNet classifier of torchvision": (
        fixtures.torchvision_classifier, {"torchvision"}, "source: torchvision",
    ),
    "ViT classifier of timm": (fixtures.timm_classifier, {"timm"}, "source: timm"),
    "encoder folder of this pipeline": (fixtures.encoder_folder, {"file"}, ""),
    "CLIP, state dict": (clip_files.clip, CLIP, "CLIP model"),
    "CLIP, training checkpoint": (clip_files.clip_training, CLIP, "CLIP model"),
    "CLIP, TorchScript of OpenAI": (clip_files.clip_torchscript, CLIP, "source: open_clip"),
    "another TorchScript": (odd_files.torchscript, set(), "TorchScript|missing"),
    "text model": (odd_files.text_model, set(), "text model"),
    "Segment Anything": (odd_files.segment_anything, set(), "Segment Anything"),
    "GroundingDINO": (odd_files.grounding_dino, set(), "GroundingDINO"),
    "EfficientNet-Lite0 as packaged": (odd_files.efficientnet, set(), "EfficientNet"),
    "anything else": (odd_files.numbers, set(), "expected"),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    clip_files.register_clips(tmp_path_factory.mktemp("configs"))
    made = {}
    for place, (kind, (make, _, _)) in enumerate(KINDS.items()):
        path = folder / f"{place}.pth"
        made[kind] = (path, make(path))
    return made


@pytest.fixture(autouse=True)
def small_architectures(monkeypatch):
    """Let torchvision's and timm's names stand for networks as narrow as the fixtures."""

    def resnet(name):
        return fixtures.TinyResNet(), "fc"

    def vit(name, *, num_classes=10, **_):
        network = fixtures.tiny_vit(n_classes=num_classes)
        network.pretrained_cfg = {
            "num_classes": 10, "classifier": "head", "input_size": (3, 32, 32), "crop_pct": 0.9,
            "interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3,
        }  # fmt: skip
        return network

    monkeypatch.setattr(torchvision_models, "architecture", resnet)
    monkeypatch.setattr(timm, "create_model", vit)


def vectors(loader, path, out):
    """Load `path` as `loader` and return what its first layer makes of some pixels, and its preprocessing."""
    source, more = LOADERS[loader]
    common = {"source": source, "recipe": "released", "second_model": None, "weights": path.name}
    if source == "open_clip":
        entry = OpenClipParams(
            **common, trained_on="target", architecture="tiny-rn-quickgelu", modes=["t2i"]
        )
        opened = open_released(entry, path.parent, device=torch.device("cpu"))
        return opened.model.encode_image(PIXELS / 255.0)
    machine = MachineParams(
        device="cpu", engine="local", workers=1, batch_images=2, block_rows=10,
        data_root=str(path.parent),
    )  # fmt: skip
    entry = {**common, "trained_on": "target", "layers": ["backbone"], **more}
    encoders.make(
        settings=EncoderSettings(
            model="m", entry=TypeAdapter(ModelParams).validate_python(entry),
            recipe=ReleasedRecipe(), seed=0, machine=machine,
        ),
        inputs=TrainingInputs(
            samples=fixtures.one_sample(path.parent), images=Path("-"), splits=Path("-")
        ),
        out=out,
    )  # fmt: skip
    encoder = encoders.load(out)
    return torch.from_numpy(encoder.embed(PIXELS)["backbone"]), encoder.preprocessing


PIXELS = torch.randint(
    0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


@torch.no_grad()
@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_file_and_loader(files, tmp_path, kind, loader):
    path, origin = files[kind]
    _, takers, says = KINDS[kind]
    if loader not in takers:
        with pytest.raises(DejavuError) as caught:
            vectors(loader, path, tmp_path / "out")
        assert str(path) in str(caught.value)
        if loader != "file" and isinstance(caught.value, WeightsError) and path.is_file():
            source = LOADERS[loader][0]
            if f"source: {source}" not in says:
                assert re.search(says, str(caught.value))
            assert not re.search(rf"set source: {source}\b", str(caught.value))  # no circles
        assert not (tmp_path / "out").exists()
        return
    if loader == "open_clip":
        found = vectors(loader, path, tmp_path / "out")
        expected = origin.encode_image(PIXELS / 255.0)
    else:
        found, preprocessing = vectors(loader, path, tmp_path / "out")
        backbone = (origin[LOADERS[loader][1]["network"]] if isinstance(origin, dict) else origin)[
            0
        ]
        expected = backbone(preprocessing.normalized(PIXELS))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("kind", [kind for kind, entry in KINDS.items() if entry[1] == FLAT])
@pytest.mark.slow
def test_one_flat_file_gives_one_network_whoever_names_it(files, tmp_path, kind):
    for loader in FLAT:
        vectors(loader, files[kind][0], tmp_path / loader)
    states = [checkpoints.read(tmp_path / loader / "weights.safetensors") for loader in FLAT]
    for other in states[1:]:
        assert all(torch.equal(other[name], value) for name, value in states[0].items())


UNREADABLE = ("another TorchScript", "anything else", "CLIP, TorchScript of OpenAI")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNREADABLE])
@pytest.mark.slow
def test_every_public_kind_is_recognized(files, kind):
    path, _ = files[kind]
    if path.is_file():
        assert "This looks like" in checkpoints.guess(checkpoints.read(path))


def test_table_in_the_documentation_is_this_one():
    head = "| file | " + " | ".join(LOADERS) + " |"
    rule = "| --- |" + " :-: |" * len(LOADERS)
    rows = [
        f"| {kind} | " + " | ".join("yes" if name in takers else "–" for name in LOADERS) + " |"
        for kind, (_, takers, _) in KINDS.items()
    ]
    assert "\n".join([head, rule, *rows]) in DOCUMENT.read_text(encoding="utf-8")
