"""Checkpoints in any wrapping give the vectors of the network that they are of."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

from dejavu.errors import ParamsError, WeightsError
from tests.models import fixtures
from tests.models.encoders.networks_of_others import assert_gives
from tests.models.encoders.test_what_shapes_do_not_show import (
    PREPROCESSING,
    made,
    pixels,
)


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


@pytest.mark.slow
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
@pytest.mark.slow
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
