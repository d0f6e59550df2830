"""Heads, sizes and colors that a file of weights does not show are stated, published, or asked for."""

import functools
import json

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from dejavu.errors import ParamsError, WeightsError
from dejavu.models.pixels import load_pixels
from tests.models import fixtures
from tests.models.encoders.test_released_folders import made, pixels
from tests.models.test_pixels import FolderOfArrays

PREPROCESSING = {
    "size_px": 48, "resize": "center", "shorter_px": 51, "resample": "bicubic",
    "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25],
}  # fmt: skip


def photo(width=75, height=58, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BOX))


def assert_same_as(encoder, network, transform, image, layer="backbone"):
    """Compare the vectors of an image file with the library's own pipeline."""
    square = load_pixels_of(encoder, image)
    with torch.inference_mode():
        expected = network.eval()(transform(Image.fromarray(image))[None])
    found = torch.from_numpy(encoder.embed(square)[layer])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 1e-3


def load_pixels_of(encoder, image):
    return encoder.preprocessing.load(FolderOfArrays(a=image), ["a"], None)


# --- heads ---


def test_a_vit_without_its_number_of_heads_is_refused(tmp_path):
    fixtures.dino_vit_backbone(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"does not show in the shapes.*set num_heads: 1 if"):
        made(tmp_path, "dino", network="teacher")
    with pytest.raises(WeightsError, match="says num_heads: 5"):
        made(tmp_path, "dino", network="teacher", num_heads=5)


def test_a_vit_of_narrow_heads_gives_its_own_vectors(tmp_path):
    from timm.models.vision_transformer import VisionTransformer

    twin = fixtures.fill(
        VisionTransformer(
            img_size=32, patch_size=8, embed_dim=64, depth=2, num_heads=4, num_classes=0,
            norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
        ), 3,
    )  # fmt: skip
    torch.save(twin.state_dict(), tmp_path / "a.pth")
    encoder = made(tmp_path, "dino", network="teacher", num_heads=4)
    seen = encoder.preprocessing.normalized(pixels(32))
    with torch.inference_mode():
        torch.testing.assert_close(
            torch.from_numpy(encoder.embed(pixels(32))["backbone"]),
            twin(seen),
            rtol=1e-4,
            atol=1e-5,
        )


# --- pixels ---


@pytest.mark.parametrize("size", [(75, 58), (58, 75), (64, 64), (203, 61), (61, 205)])
def test_center_is_torchvisions_and_center_down_is_transformers(size):
    image = Image.fromarray(photo(*size))
    resize = torchvision.transforms.Resize(51)(image)
    expected = np.asarray(torchvision.transforms.CenterCrop(48)(resize)).transpose(2, 0, 1)
    reader = FolderOfArrays(a=np.asarray(image))
    found = load_pixels(reader, ["a"], None, 48, resize="center", shorter_px=51)
    assert (found[0].numpy() == expected).all()


def test_squash_may_be_cut_from_a_larger_square():
    image = photo()
    large = Image.fromarray(image).resize((56, 56), Image.Resampling.BICUBIC)
    expected = np.asarray(large.crop((4, 4, 52, 52))).transpose(2, 0, 1)
    found = load_pixels(
        FolderOfArrays(a=image), ["a"], None, 48, resize="squash", shorter_px=56, resample="bicubic"
    )
    assert (found[0].numpy() == expected).all()


# --- timm ---


def timm_folder(folder, *, architecture="resnet10t", num_classes=5, **changes):
    """A folder as timm's `save_for_hf` writes it."""
    network = fixtures.fill(timm.create_model(architecture, num_classes=num_classes), 4)
    entry = {
        "input_size": [3, 64, 64], "crop_pct": 0.9, "crop_mode": "center", "interpolation": "bilinear",
        "mean": [0.2, 0.3, 0.4], "std": [0.3, 0.2, 0.1], "num_classes": num_classes, **changes,
    }  # fmt: skip
    folder.mkdir()
    from timm.models import save_for_hf

    save_for_hf(network, folder, model_config={"pretrained_cfg": entry}, safe_serialization=True)
    return network


@pytest.mark.parametrize("crop_mode", ["center", "squash"])
@pytest.mark.slow
def test_a_folder_of_timm_says_how_it_sees(tmp_path, crop_mode):
    timm_folder(tmp_path / "f", crop_mode=crop_mode, interpolation="bicubic")
    content = json.loads((tmp_path / "f" / "config.json").read_text())
    assert content["pretrained_cfg"]["crop_mode"] == crop_mode
    encoder = made(tmp_path, "timm", "f", name="local-dir")
    network = timm.create_model(f"local-dir:{tmp_path / 'f'}", pretrained=True, num_classes=0)
    transform = create_transform(**resolve_data_config({}, model=network))
    assert_same_as(encoder, network, transform, photo())


@pytest.mark.slow
def test_a_configuration_beside_the_weights_is_read(tmp_path):
    timm_folder(tmp_path / "f")
    encoder = made(tmp_path, "timm", "f/model.safetensors", name="resnet10t")
    assert encoder.preprocessing.mean == (0.2, 0.3, 0.4)
    with pytest.raises(ParamsError, match=r"is of 'resnet10t', and the entry says name: resnet18"):
        made(tmp_path, "timm", "f/model.safetensors", name="resnet18.a1_in1k")


@pytest.mark.parametrize(
    "changes",
    [{"crop_mode": "border"}, {"interpolation": "lanczos"}, {"input_size": [3, 64, 48]}],
)
def test_what_is_not_done_here_is_refused(tmp_path, changes):
    timm_folder(tmp_path / "f", **changes)
    with pytest.raises(
        WeightsError, match=r"config.json: sees images of \d+ x 64 pixels with crop_m"
    ):
        made(tmp_path, "timm", "f", name="local-dir")


@pytest.mark.slow
def test_a_name_of_many_trainings_needs_a_tag_or_preprocessing(tmp_path):
    network = fixtures.fill(timm.create_model("resnet18", num_classes=3), 4)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ParamsError, match=r"resnet18 stands for \d+ trainings that saw images in"):
        made(tmp_path, "timm", "w.safetensors", name="resnet18")
    encoder = made(tmp_path, "timm", "w.safetensors", name="resnet18", preprocessing=PREPROCESSING)
    assert encoder.preprocessing.std == (0.2, 0.3, 0.25)
    assert made(tmp_path, "timm", "w.safetensors", name="resnet18.a1_in1k").layers


def test_lengths_are_measured(tmp_path):
    """timm states 576 features for this network, whose vectors have 1,024."""
    network = fixtures.fill(timm.create_model("mobilenetv3_small_050", num_classes=3), 4)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    encoder = made(
        tmp_path, "timm", "w.safetensors", name="mobilenetv3_small_050", preprocessing=PREPROCESSING
    )
    assert encoder.layers == {"backbone": 1024}
    assert encoder.embed(pixels(48))["backbone"].shape == (2, 1024)


# --- modules inside ---


@pytest.mark.slow
def test_modules_are_layers(tmp_path):
    network = fixtures.fill(torchvision.models.resnet18(weights=None), 5)
    torch.save(network.state_dict(), tmp_path / "a.pth")
    modules = {
        "early": {"module": "layer1", "pooling": "map"},
        "late": {"module": "avgpool", "pooling": "map"},
    }
    encoder = made(
        tmp_path, "torchvision", name="resnet18", modules=modules,
        layers=["backbone", "early", "late"], preprocessing=PREPROCESSING,
    )  # fmt: skip
    assert encoder.layers == {"backbone": 512, "early": 64, "late": 512}
    vectors = encoder.embed(pixels(48))
    kept = {}
    network.layer1.register_forward_hook(lambda m, i, o: kept.update(early=o.mean((2, 3))))
    with torch.inference_mode():
        network.eval()(encoder.preprocessing.normalized(pixels(48)))
    torch.testing.assert_close(
        torch.from_numpy(vectors["early"]), kept["early"], rtol=1e-4, atol=1e-5
    )
    assert (vectors["late"] == vectors["backbone"]).all()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"module": "layer9", "pooling": "map"}, "no module 'layer9'. Did you mean 'layer"),
        ({"module": "layer1", "pooling": "tokens"}, r"gives \(2, 64, 12, 12\); pooling 'tokens'"),
    ],
)
@pytest.mark.slow
def test_modules_that_are_not_there_or_not_of_that_kind(tmp_path, wanted, message):
    network = fixtures.fill(torchvision.models.resnet18(weights=None), 5)
    torch.save(network.state_dict(), tmp_path / "a.pth")
    with pytest.raises(ParamsError, match=message):
        made(
            tmp_path, "torchvision", name="resnet18", modules={"x": wanted},
            preprocessing=PREPROCESSING,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["vit_b_32", "mobilenet_v3_small", "densenet121", "swin_t"])
@pytest.mark.slow
def test_any_classifier_of_torchvision(tmp_path, name):
    network = torchvision.models.get_model(name, weights=None)
    torch.save(network.state_dict(), tmp_path / "a.pth")
    size = {"size_px": 224, "shorter_px": 224}
    encoder = made(tmp_path, "torchvision", name=name, preprocessing={**PREPROCESSING, **size})
    kept = {}
    last = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1]
    last.register_forward_pre_hook(lambda m, i: kept.update(seen=i[0]))
    with torch.inference_mode():
        network.eval()(encoder.preprocessing.normalized(pixels(224)))
    found = torch.from_numpy(encoder.embed(pixels(224))["backbone"])
    torch.testing.assert_close(found, kept["seen"], rtol=1e-4, atol=1e-4)


# --- after public reports ---


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.slow
def test_networks_ported_from_tensorflow_see_pixels_as_they_were_trained(tmp_path, name):
    """Torchvision's weights of the two move the usual means to halves inside; a bare network does not."""
    network = fixtures.fill(
        torchvision.models.get_model(name, weights=None, init_weights=False, transform_input=True),
        seed=0,
    )
    torch.save(network.state_dict(), tmp_path / "a.pth")
    encoder = made(tmp_path, "torchvision", name=name)
    network.fc = torch.nn.Identity()
    how = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    assert_same_as(encoder, network, how, photo(400, 380))


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn])
@pytest.mark.slow
def test_weights_without_their_scales_are_refused(tmp_path, kind):
    """Compressed files hold whole numbers, or eighths of them, and the factors elsewhere."""
    state = torchvision.models.resnet18().state_dict()
    state["layer1.0.conv1.weight"] = (50 * state["layer1.0.conv1.weight"]).to(kind)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(
        WeightsError, match=r"'layer1.0.conv1.weight' holds .*8.*expected 16, 32 or"
    ):
        made(tmp_path, "torchvision", name="resnet18")


@pytest.mark.slow
def test_weights_of_another_activation_are_refused_by_their_tag(tmp_path):
    """OpenAI's CLIP computes QuickGELU: timm notes that its plain networks are not those."""
    network = timm.create_model("vit_base_patch32_clip_224", num_classes=0)
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(ParamsError, match=r"set name: vit_base_patch32_clip_quickgelu_224\.openai"):
        made(tmp_path, "timm", weights="a.safetensors", name="vit_base_patch32_clip_224.openai")
