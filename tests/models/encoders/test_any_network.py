"""Networks of libraries, programs and own classes give the vectors that they give by themselves."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from torch import nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import encoders
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.params.networks import StatedPreprocessing
from tests.models import fixtures
from tests.models.encoders.test_released_folders import request
from tests.models.encoders.test_what_shapes_do_not_show import (
    PREPROCESSING,
    load_pixels_of,
    made,
    photo,
    pixels,
)

SEEN = Preprocessing.stated(StatedPreprocessing.model_validate(PREPROCESSING))


def allowed(tmp_path, source, weights="a.pth", **more):
    """As `made`, on a machine that may run code of the model's author."""
    asked = request(tmp_path, source, weights, **more)
    machine = asked.machine.model_copy(update={"run_code_of_models": True})
    out = tmp_path / "out"
    encoders.make(dataclasses.replace(asked, machine=machine), out)
    return encoders.load(out)


def assert_gives(encoder, network, *, n=3, size=48, layer="backbone"):
    """Compare with the network by itself."""
    generator = torch.Generator().manual_seed(1)
    squares = torch.randint(0, 256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    with torch.inference_mode():
        expected = network.eval()(encoder.preprocessing.normalized(squares))
    found = torch.from_numpy(encoder.embed(squares)[layer])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-4


# --- state_dict ---


def resnet(seed=1):
    network = fixtures.fill(torchvision.models.resnet18(weights=None), seed)
    network.fc = nn.Identity()
    return network


def lightning(path):
    """As Lightning itself writes a module with a backbone and a projector."""
    import lightning_fabric  # noqa: F401  # of pytorch_lightning
    import pytorch_lightning

    class Module(pytorch_lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.backbone = resnet()
            self.projector = nn.Linear(512, 8)

    module = Module()
    trainer = pytorch_lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, max_epochs=0,
    )  # fmt: skip
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path, weights_only=True)
    return module.backbone


def moco(path):
    network, head = resnet(2), {"fc.0.weight": torch.ones(4, 512), "fc.2.bias": torch.ones(4)}
    state = {f"module.encoder_q.{k}": v for k, v in {**network.state_dict(), **head}.items()}
    state |= {k.replace("encoder_q", "encoder_k"): v * 0.5 for k, v in state.items()}
    torch.save({"epoch": 200, "arch": "resnet50", "state_dict": state, "optimizer": {}}, path)
    return network


def vissl(path):
    network = resnet(3)
    trunk = fixtures.prefixed("_feature_blocks.", network)
    model = {"trunk": trunk, "heads": {"0.clf.0.weight": torch.ones(2, 2)}}
    torch.save({"classy_state_dict": {"base_model": {"model": model}}}, path)
    return network


def averaged(path):
    """As timm's own training script saves it."""
    network = resnet(4)
    other = fixtures.prefixed("module.", resnet(5))
    torch.save({"state_dict": other, "state_dict_ema": network.state_dict()}, path)
    return network


LAYOUTS = {
    "Lightning": (lightning, {"prefix": "backbone."}),
    "MoCo": (moco, {"prefix": "encoder_q.", "ignore": ["fc."]}),
    "VISSL": (
        vissl,
        {
            "state_dict": "classy_state_dict.base_model.model.trunk", "prefix": "_feature_blocks."
        },
    ),
    "timm train.py, EMA": (averaged, {"state_dict": "state_dict_ema"}),
}  # fmt: skip


@pytest.mark.parametrize("architecture", ["torchvision:resnet18", "resnet"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_a_network_in_any_wrapping(tmp_path, layout, architecture):
    make, asked = LAYOUTS[layout]
    network = make(tmp_path / "a.pth")
    encoder = made(
        tmp_path, "state_dict", architecture=architecture, preprocessing=PREPROCESSING, **asked
    )
    assert_gives(encoder, network)


def test_a_vit_of_dinov2_with_arguments(tmp_path):
    sizes = {"depth": 2, "embed_dim": 48, "num_heads": 4, "img_size": 28}
    network = fixtures.fill(
        timm.create_model("vit_small_patch14_dinov2", num_classes=0, **sizes), 6
    )
    state = {**network.state_dict(), "mask_token": torch.zeros(1, 48)}
    torch.save(
        {
            "teacher": fixtures.prefixed("backbone.", network)
            | {"backbone.mask_token": state["mask_token"]}
        },
        tmp_path / "a.pth",
    )
    seen = {**PREPROCESSING, "size_px": 28, "shorter_px": 28}
    asked = {"architecture": "timm:vit_small_patch14_dinov2", "arguments": sizes}
    asked |= {"state_dict": "teacher", "prefix": "backbone.", "preprocessing": seen}
    with pytest.raises(WeightsError, match="unexpected: mask_token"):
        made(tmp_path, "state_dict", **asked)
    encoder = made(tmp_path, "state_dict", ignore=["mask_token"], **asked)
    assert_gives(encoder, network, size=28)
    other = {**asked, "arguments": {**sizes, "num_heads": 8}}
    wrong = made(tmp_path, "state_dict", ignore=["mask_token"], **other)  # equal tensors
    assert (
        np.abs(wrong.embed(pixels(28))["backbone"] - encoder.embed(pixels(28))["backbone"]).max()
        > 1e-3
    )


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"architecture": "resnet50"}, ParamsError, "expected timm:<name>, torchvision:<name>"),
        ({"architecture": "vit"}, WeightsError, "expected a tensor 'patch_embed.proj.weight'"),
        ({"architecture": "torchvision:resnet9"}, ParamsError, "no classifier 'resnet9'. Did you"),
        ({"architecture": "timm:resnet18", "arguments": {"depht": 3}}, ParamsError, "cannot make"),
        ({"architecture": "resnet", "ignore": ["head."]}, WeightsError, "ignore names 'head.'"),
    ],
)
@pytest.mark.slow
def test_an_entry_that_does_not_fit(tmp_path, asked, error, message):
    torch.save(resnet().state_dict(), tmp_path / "a.pth")
    with pytest.raises(error, match=message):
        made(tmp_path, "state_dict", preprocessing=PREPROCESSING, **asked)


def test_the_published_cifar_networks_are_sent_to_the_source_that_takes_them(tmp_path):
    """akamaster's ResNet-20: `state_dict` with `module.`, three stages, a classifier called linear."""
    names = ("conv1.weight", "layer1.0.conv1.weight", "layer3.2.bn2.bias", "linear.weight")
    state = {f"module.{name}": torch.ones(2, 2, 3, 3) for name in names}
    torch.save({"state_dict": state, "best_prec1": 91.7}, tmp_path / "a.th")
    for source, more in (
        ("torchvision", {"name": "resnet18"}), ("vicreg", {}), ("barlow_twins", {}),
        ("dino", {"network": "teacher"}), ("timm", {"name": "resnet18.a1_in1k"}),
        ("state_dict", {"architecture": "resnet", "preprocessing": PREPROCESSING}),
    ):  # fmt: skip
        with pytest.raises(WeightsError) as refused:
            made(tmp_path, source, "a.th", **more)
        if source != "state_dict":
            assert "set source: factory" in str(refused.value)


@pytest.mark.parametrize("start", ["", "module.", "backbone.", "module.encoder_q.", "encoder.net."])
def test_a_resnet_with_a_small_stem_is_sent_to_a_factory_by_every_source(tmp_path, start):
    """kuangliu's classes, CIFAR networks of solo-learn and MoCo: torchvision's names, another stem."""
    network = resnet()
    network.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
    state = {start + name: value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    for source, more in (
        ("torchvision", {"name": "resnet18"}), ("vicreg", {}), ("barlow_twins", {}),
        ("dino", {"network": "teacher"}), ("timm", {"name": "resnet18.a1_in1k"}),
        ("state_dict", {"architecture": "resnet", "preprocessing": PREPROCESSING}),
        ("state_dict", {"architecture": "torchvision:resnet18", "preprocessing": PREPROCESSING}),
    ):  # fmt: skip
        with pytest.raises(WeightsError, match="first convolution is 3x3.*set source: factory"):
            made(tmp_path, source, "a.pth", **more)


# --- factory ---

CODE = """
import torch
from torch import nn
from mine.parts import block

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = block(3, 4)
        self.layer2 = block(4, 6)
        self.linear = nn.Linear(6, 10)

    def forward(self, x):
        return self.layer2(self.layer1(x)).mean((2, 3))

def features():
    network = Small()
    network.linear = nn.Identity()
    return network
"""
PARTS = "from torch import nn\n\ndef block(a, b):\n    return nn.Sequential(nn.Conv2d(a, b, 3), nn.ReLU())\n"


@pytest.fixture
def own(tmp_path):
    """A package with a network of one's own class, and a checkpoint of it as its training saved it."""
    package = tmp_path / "code" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "networks.py").write_text(CODE)
    (package / "parts.py").write_text(PARTS)
    scope = {}
    exec(PARTS, scope)
    exec(CODE.replace("from mine.parts import block", ""), scope)
    network = fixtures.fill(scope["Small"](), 7)
    torch.save({"state_dict": fixtures.prefixed("module.", network)}, tmp_path / "a.th")
    return network


FACTORY = {
    "factory": "mine.networks:features", "code": "code", "ignore": ["linear."],
    "preprocessing": PREPROCESSING,
}  # fmt: skip


@pytest.mark.slow
def test_a_network_of_ones_own_class(tmp_path, own):
    modules = {"early": {"module": "layer1", "pooling": "map"}}
    encoder = allowed(
        tmp_path, "factory", "a.th", modules=modules, layers=["backbone", "early"], **FACTORY
    )
    assert encoder.layers == {"backbone": 6, "early": 4}
    assert_gives(encoder, own)
    # later stages use the code that was verified, wherever the original went
    (tmp_path / "code" / "mine" / "networks.py").write_text("raise RuntimeError\n")
    assert_gives(encoders.load(tmp_path / "out"), own)
    (tmp_path / "out" / "code" / "mine" / "parts.py").write_text(PARTS + "\n")
    with pytest.raises(WeightsError, match="parts.py: changed"):
        encoders.load(tmp_path / "out")


@pytest.mark.slow
def test_code_of_models_runs_only_where_it_is_allowed(tmp_path, own):
    marker = tmp_path / "ran"
    text = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n" + CODE
    (tmp_path / "code" / "mine" / "networks.py").write_text(text)
    with pytest.raises(ParamsError, match=r"set machine.run_code_of_models: true"):
        made(tmp_path, "factory", "a.th", **FACTORY)
    (tmp_path / "a.pt2").write_bytes(b"")
    with pytest.raises(ParamsError, match=r"set machine.run_code_of_models: true"):
        made(tmp_path, "torch_export", "a.pt2", preprocessing=PREPROCESSING)
    assert not marker.exists()
    allowed(tmp_path, "factory", "a.th", **FACTORY)
    assert marker.exists()


@pytest.mark.slow
def test_an_adopted_folder_runs_no_code(tmp_path, own):
    allowed(tmp_path, "factory", "a.th", **FACTORY)
    (tmp_path / "out").rename(tmp_path / "theirs")
    with pytest.raises(ParamsError, match=r"set machine.run_code_of_models: true"):
        made(tmp_path, "file", "theirs")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factory": "mine.networks:nothing"}, "AttributeError: module 'mine.networks' has no"),
        ({"factory": "features"}, "expected package.module:function"),
        ({"factory": "mine.parts:nn"}, "TypeError"),
        ({"code": "nowhere"}, "no such folder"),
        ({"ignore": []}, "unexpected: linear.weight"),
    ],
)
@pytest.mark.slow
def test_a_factory_that_gives_no_network(tmp_path, own, changes, message):
    with pytest.raises((ParamsError, WeightsError), match=message):
        allowed(tmp_path, "factory", "a.th", **{**FACTORY, **changes})


# --- programs ---


class Pooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 5, stride=3)

    def forward(self, x):
        return torch.relu(self.conv(x)).mean((2, 3))


@pytest.fixture
def small():
    return fixtures.fill(Pooling(), 8)


def save_onnx(network, path, n, size, axes=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's older exporter, which needs no further package
        torch.onnx.export(
            network, (torch.zeros(n, 3, size, size),), path, dynamo=False, input_names=["images"],
            output_names=["vectors"], dynamic_axes=axes,
        )  # fmt: skip


@pytest.mark.parametrize("batch", [None, 2])
def test_onnx_of_any_and_of_a_fixed_number_of_images(tmp_path, small, batch):
    axes = {"images": {0: "n"}, "vectors": {0: "n"}} if batch is None else None
    save_onnx(small, tmp_path / "a.onnx", batch or 1, 48, axes)
    encoder = made(tmp_path, "onnx", "a.onnx", preprocessing=PREPROCESSING)
    assert encoder.layers == {"backbone": 6}
    for n in (1, 2, 3, 5):
        assert_gives(encoder, small, n=n)
    (tmp_path / "out").rename(tmp_path / "theirs")
    assert_gives(made(tmp_path, "file", "theirs"), small)


def test_onnx_that_does_not_fit(tmp_path, small):
    save_onnx(small, tmp_path / "a.onnx", 2, 32)
    with pytest.raises(WeightsError, match=r"a.onnx: the program takes no images of 48 pixels"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=PREPROCESSING)
    seen = {**PREPROCESSING, "size_px": 32}
    with pytest.raises(ParamsError, match="no output 'vector'. Did you mean 'vectors'"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=seen, output="vector")
    (tmp_path / "a.onnx").write_bytes(b"\x08\x07rubbish")
    with pytest.raises(WeightsError, match="a.onnx: not a whole ONNX file"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=seen)


@pytest.mark.parametrize("batch", [None, 2])
def test_a_program_of_torch_export(tmp_path, small, batch):
    shapes = ({0: torch.export.Dim("n")},) if batch is None else None
    exported = torch.export.export(small, (torch.zeros(2, 3, 48, 48),), dynamic_shapes=shapes)
    torch.export.save(exported, tmp_path / "a.pt2")
    encoder = allowed(tmp_path, "torch_export", "a.pt2", preprocessing=PREPROCESSING)
    for n in (1, 3):
        assert_gives(encoder, small, n=n)


# --- transformers ---


def hub_folder(folder, kind):
    """A folder as `save_pretrained` writes it, of a small network of a real class."""
    import transformers as hf

    common = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
        "image_size": 48, "patch_size": 8,
    }  # fmt: skip
    model = {
        "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**common)),
        "vit_mae": lambda: hf.ViTMAEModel(hf.ViTMAEConfig(**common)),
        "ijepa": lambda: hf.IJepaModel(hf.IJepaConfig(**common)),
        "vit with a head": lambda: hf.ViTForImageClassification(hf.ViTConfig(**common)),
        "siglip": lambda: hf.SiglipModel(
            hf.SiglipConfig(
                vision_config=common,
                text_config={**common, "vocab_size": 50, "projection_size": 32},
            )
        ),
        "siglip_vision_model": lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**common)),
    }[kind]()
    fixtures.fill(model, 9)
    model.save_pretrained(folder)
    processor = hf.BitImageProcessor if kind == "dinov2" else hf.ViTImageProcessor
    sizes = {"size": {"height": 48, "width": 48}}
    if kind == "dinov2":
        sizes = {"size": {"shortest_edge": 53}, "crop_size": {"height": 48, "width": 48}}
    processor(**sizes, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.25]).save_pretrained(
        folder
    )


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [
        ("dinov2", "pooler"), ("dinov2", "first_token"), ("vit_mae", "tokens"), ("ijepa", "tokens"),
        ("vit with a head", "first_token"), ("siglip_vision_model", "pooler"),
        ("siglip", "image_features"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_folder_of_transformers_gives_the_librarys_vectors(tmp_path, kind, pooling):
    import transformers as hf

    hub_folder(tmp_path / "f", kind)
    encoder = made(tmp_path, "transformers", "f", pooling=pooling)
    model = hf.AutoModel.from_pretrained(tmp_path / "f", local_files_only=True).eval()
    if kind == "vit_mae":
        model.config.mask_ratio = 0.0
    for size in ((75, 58), (58, 90)):
        image = photo(*size)
        square = load_pixels_of(encoder, image)
        processor = hf.AutoImageProcessor.from_pretrained(tmp_path / "f", backend="pil")
        seen = processor(Image.fromarray(image), return_tensors="pt")["pixel_values"]
        torch.testing.assert_close(
            encoder.preprocessing.normalized(square), seen, rtol=1e-5, atol=1e-5
        )
        with torch.inference_mode():
            is_of_two = pooling == "image_features"
            output = (model.get_image_features if is_of_two else model)(pixel_values=seen)
        expected = {
            "image_features": lambda o: o if isinstance(o, torch.Tensor) else o.pooler_output,
            "pooler": lambda o: o.pooler_output,
            "first_token": lambda o: o.last_hidden_state[:, 0],
            "tokens": lambda o: o.last_hidden_state.mean(1),
        }[pooling](output)
        found = torch.from_numpy(encoder.embed(square)["backbone"])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert expected.std() > 1e-4


def test_folders_of_transformers_that_are_not_what_they_should_be(tmp_path):
    hub_folder(tmp_path / "f", "ijepa")
    with pytest.raises(ParamsError, match="gives no 'pooler'.*Choose another pooling"):
        made(tmp_path, "transformers", "f", pooling="pooler")
    config = tmp_path / "f" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "auto_map": {"AutoModel": "mine.Model"}}))
    with pytest.raises(WeightsError, match="code of the folder's own, which is never run"):
        made(tmp_path, "transformers", "f", pooling="tokens")
    config.write_text(json.dumps({**content, "num_hidden_layers": 3}))
    with pytest.raises(WeightsError, match="the weights do not fit"):
        made(tmp_path, "transformers", "f", pooling="tokens")
    config.write_text(json.dumps(content))
    (tmp_path / "f" / "preprocessor_config.json").unlink()
    with pytest.raises(ParamsError, match="state preprocessing in the entry"):
        made(tmp_path, "transformers", "f", pooling="tokens")
    (tmp_path / "f" / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="model.save_pretrained"):
        made(tmp_path, "transformers", "f", pooling="tokens")
