"""Folders of OpenCLIP: they say themselves what they are, and connect to no hub unless asked."""

import json
import socket

import pytest
import torch

from dejavu.errors import ParamsError, WeightsError
from tests.models import clip_files
from tests.models.clip.released_models import CAPTIONS, opened


@pytest.fixture(scope="module", autouse=True)
def architectures(tmp_path_factory):
    return clip_files.register_clips(tmp_path_factory.mktemp("configs"))


def write_folder(folder, model, quick=False, weights="open_clip_model.safetensors"):
    config = {
        "embed_dim": 16,
        "vision_cfg": clip_files.CLIP_RESNET,
        "text_cfg": clip_files.CLIP_TEXT,
        "quick_gelu": quick,
    }
    preprocess = {
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
        "resize_mode": "squash",
    }
    folder.mkdir()
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)
    if weights:
        clip_files.save_safetensors(model, folder / weights)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.slow
def test_folder_says_itself_what_it_is(tmp_path, quick):
    model = clip_files.clip_network("tiny-rn-quickgelu" if quick else "tiny-rn")
    write_folder(tmp_path / "model", model, quick)
    found = opened("local-dir", tmp_path / "model")
    assert found.facts["activation"] == ("quick_gelu" if quick else "gelu")
    assert "0.5" in found.facts["preprocessing"]
    with torch.no_grad():
        texts = found.model.encode_text(found.tokenize(CAPTIONS))
        torch.testing.assert_close(texts, model.encode_text(found.tokenize(CAPTIONS)))


def test_folder_and_architecture_name_are_not_mixed(tmp_path):
    write_folder(tmp_path / "model", clip_files.clip_network("tiny-rn"))
    with pytest.raises(ParamsError, match="set architecture: local-dir"):
        opened("tiny-rn", tmp_path / "model")
    (tmp_path / "x.pt").write_bytes(b"x")
    with pytest.raises(ParamsError, match="is for a folder"):
        opened("local-dir", tmp_path / "x.pt")


def test_folder_without_weights_is_refused(tmp_path):
    write_folder(tmp_path / "model", None, weights=None)
    with pytest.raises(WeightsError, match="has none of the weight files"):
        opened("local-dir", tmp_path / "model")


def test_folder_of_the_transformers_library_is_named(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(WeightsError, match="transformers library: set source: transformers"):
        opened("local-dir", tmp_path / "model")


@pytest.fixture
def no_network(monkeypatch):
    """Count what would connect, and let nothing."""
    tried = []

    def connect(self, address):
        tried.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: connect(None, host))
    return tried


@pytest.mark.parametrize(
    ("part", "changes", "named"),
    [
        ("text_cfg", {"hf_model_name": "somebody/text"}, "the text network 'somebody/text'"),
        (
            "vision_cfg",
            {"timm_model_name": "resnet18", "timm_model_pretrained": True},
            "weights of timm's 'resnet18'",
        ),
    ],
)
def test_folder_that_names_a_hub_connects_only_if_asked(tmp_path, no_network, part, changes, named):
    write_folder(tmp_path / "model", clip_files.clip_network("tiny-rn"))
    config = tmp_path / "model" / "open_clip_config.json"
    content = json.loads(config.read_text())
    content["model_cfg"][part] = {**content["model_cfg"][part], **changes}
    config.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=f"connect to a hub for {named}.*may_download: true"):
        opened("local-dir", tmp_path / "model")
    assert no_network == []


def test_folder_without_the_tokenizer_that_it_asks_for(tmp_path, no_network):
    write_folder(tmp_path / "model", clip_files.clip_network("tiny-rn"))
    config = tmp_path / "model" / "open_clip_config.json"
    content = json.loads(config.read_text())
    content["model_cfg"]["text_cfg"] |= {"hf_tokenizer_name": "somebody/words"}
    config.write_text(json.dumps(content))
    with pytest.raises(
        WeightsError, match=r"the tokenizer 'somebody/words'.*Copy the whole folder"
    ):
        opened("local-dir", tmp_path / "model")
    assert no_network == []


def test_architecture_whose_tokenizer_lies_at_a_hub_connects_only_if_asked(tmp_path, no_network):
    (tmp_path / "x.pt").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"the tokenizer 'timm/ViT-B-16-SigLIP'"):
        opened("ViT-B-16-SigLIP", tmp_path / "x.pt")
    assert no_network == []
