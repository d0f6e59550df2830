"""Weights under their authors' names give the vectors of timm's network; none is invented or resized."""

import pytest
import timm
import torch

from dejavu.errors import WeightsError
from tests.models import fixtures
from tests.models.encoders.networks_of_others import assert_gives
from tests.models.encoders.test_what_shapes_do_not_show import PREPROCESSING, made

VIT = {"img_size": 48, "patch_size": 8, "embed_dim": 32, "depth": 4, "num_heads": 4}


def vit(name):
    return fixtures.fill(timm.create_model(name, num_classes=0, **VIT), 1)


def in_chunks(network):
    """The backbone as DINOv2's training saves it: `blocks.<chunk>.<place>.`."""
    found = {}
    for key, value in network.state_dict().items():
        part, place, rest = (*key.split(".", 2), "", "")[:3]
        is_block = part == "blocks"
        found[f"blocks.{int(place) // 2}.{place}.{rest}" if is_block else key] = value
    return found


def with_registers(network):
    """As DINOv2 publishes it: the place of the first token is added when the network runs."""
    found = dict(network.state_dict())
    place = torch.full((1, 1, VIT["embed_dim"]), 0.5)
    found["pos_embed"] = torch.cat([place, found["pos_embed"]], 1)
    found["cls_token"] = found["cls_token"] - place
    return {**found, "register_tokens": found.pop("reg_token"), "mask_token": torch.zeros(1, 32)}


def of_facebook(network):
    """ConvNeXt V2 under the names of its authors."""
    found = {}
    for key, value in network.state_dict().items():
        name = key.replace("stem.", "downsample_layers.0.").replace(".blocks.", ".")
        for stage in (1, 2, 3):
            name = name.replace(f"stages.{stage}.downsample.", f"downsample_layers.{stage}.")
        name = name.replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        name = name.replace("mlp.grn.bias", "grn.beta").replace("mlp.grn.weight", "grn.gamma")
        name = name.replace("head.norm", "norm")
        found[name] = value.reshape(1, 1, 1, -1) if "grn" in name else value
    return found


def load(tmp_path, name, state, **more):
    torch.save(
        {"teacher": {f"backbone.{key}": value for key, value in state.items()}}, tmp_path / "a.pth"
    )
    asked = {"state_dict": "teacher", "prefix": "backbone.", "preprocessing": PREPROCESSING, **more}
    return made(tmp_path, "state_dict", architecture=f"timm:{name}", **asked)


@pytest.mark.slow
def test_blocks_in_chunks(tmp_path):
    network = vit("vit_small_patch14_dinov2")
    state = {**in_chunks(network), "mask_token": torch.zeros(1, 32)}
    assert "blocks.1.2.norm1.weight" in state
    encoder = load(
        tmp_path, "vit_small_patch14_dinov2", state, arguments=VIT, ignore=["mask_token"]
    )
    assert_gives(encoder, network)


@pytest.mark.slow
def test_dinov2_with_registers(tmp_path):
    name = "vit_small_patch14_reg4_dinov2"
    network = vit(name)
    encoder = load(tmp_path, name, with_registers(network), arguments=VIT, ignore=["mask_token"])
    assert_gives(encoder, network)
    with pytest.raises(WeightsError, match="register_tokens"):  # what is left out is named
        load(tmp_path, name, with_registers(network), arguments=VIT)


@pytest.mark.slow
def test_convnext_of_its_authors(tmp_path):
    network = fixtures.fill(timm.create_model("convnextv2_atto", num_classes=0), 3)
    torch.save({"model": of_facebook(network)}, tmp_path / "a.pth")
    asked = {"architecture": "timm:convnextv2_atto", "preprocessing": PREPROCESSING}
    assert_gives(made(tmp_path, "state_dict", **asked), network)
    head = {"head.weight": torch.ones(10, 320), "head.bias": torch.ones(10)}
    torch.save({"model": of_facebook(network) | head}, tmp_path / "a.pth")
    encoder = made(tmp_path, "timm", name="convnextv2_atto", preprocessing=PREPROCESSING)
    assert_gives(encoder, network)


@pytest.mark.slow
def test_positions_are_never_resized(tmp_path):
    """A ViT of 518 pixels is none of 224: timm would interpolate the places of its patches."""
    state = vit("vit_small_patch14_dinov2").state_dict()
    smaller = {**VIT, "img_size": 32}
    seen = {**PREPROCESSING, "size_px": 32, "shorter_px": 32}
    with pytest.raises(WeightsError, match=r"pos_embed \(1, 37, 32\) instead of \(1, 17, 32\)"):
        load(tmp_path, "vit_small_patch14_dinov2", state, arguments=smaller, preprocessing=seen)
