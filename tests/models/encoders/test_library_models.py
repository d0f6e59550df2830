import numpy as np
import pytest
import timm
import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import encoders
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import networks
from dejavu.models.encoders import timm as timm_models
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.source import TrainingInputs
from dejavu.params.encoders import ModelParams, ReleasedRecipe
from tests.models.fixtures import one_sample
from tests.models.training.world import MACHINE

NAME = "tf_efficientnet_lite0"


def asked(tmp_path, **settings):
    facts = {"recipe": "released", "trained_on": "elsewhere", "second_model": None}
    facts |= {"layers": ["backbone"], **settings}
    settings = EncoderSettings(
        model="lite", entry=TypeAdapter(ModelParams).validate_python(facts),
        recipe=ReleasedRecipe(), seed=0, machine=MACHINE,
    )  # fmt: skip
    inputs = TrainingInputs(samples=one_sample(tmp_path), images=tmp_path, splits=tmp_path)
    return {"settings": settings, "inputs": inputs}


@pytest.mark.parametrize(
    ("name", "file", "sizes"),
    [
        (NAME, "efficientnet-lite0-57934424.pth", (224, 256)),
        ("tf_efficientnet_lite1", "efficientnet-lite1-77cc7160.pth", (240, 272)),
        ("tf_efficientnet_lite2", "efficientnet-lite2-9656183e.pth", (260, 292)),
    ],
)
@pytest.mark.slow
def test_the_packaged_network_is_verified_and_embeds(tmp_path, name, file, sizes):
    encoders.make(
        **asked(tmp_path, source="timm", name=name, weights="packaged"), out=tmp_path / "e"
    )
    encoder = encoders.load(tmp_path / "e")
    assert encoder.layers == {"backbone": 1280}
    facts = encoder.provenance
    assert facts.file["name"] == file
    assert len(facts.file["sha256"]) == 64
    seen = encoder.preprocessing
    assert (seen.size_px, seen.shorter_px, seen.resize) == (*sizes, "center")
    assert seen.mean == seen.std == (0.5, 0.5, 0.5)
    pixels = torch.randint(0, 256, (2, 3, sizes[0], sizes[0]), dtype=torch.uint8)
    vectors = encoder.embed(pixels)["backbone"]
    # The same file in timm's own network, with the classifier that the encoder leaves out.
    whole = timm.create_model(name, pretrained=False).eval()
    path = timm_models.packaged_file(name)
    whole.load_state_dict(timm_models.by_order(checkpoints.read(path), whole, path))
    with torch.inference_mode():
        features = whole.forward_head(
            whole.forward_features(pixels.float() / 127.5 - 1), pre_logits=True
        )
    assert np.allclose(vectors, features.numpy(), atol=1e-4)


def test_tensors_by_order_meet_their_namesakes():
    path = timm_models.packaged_file(NAME)
    state = checkpoints.read(path)
    renamed = timm_models.by_order(state, timm.create_model(NAME, pretrained=False), path)
    for theirs, ours in (
        ("_conv_stem.weight", "conv_stem.weight"),
        ("_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"),
        ("_blocks.15._project_conv.weight", "blocks.6.0.conv_pwl.weight"),
        ("_bn1.running_var", "bn2.running_var"),
        ("_fc.bias", "classifier.bias"),
    ):
        assert renamed[ours] is state[theirs]


def test_another_order_or_number_of_tensors_is_refused(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    state = list(network.state_dict().items())
    assert list(timm_models.by_order(dict(state), network, tmp_path)) == [k for k, _ in state]
    with pytest.raises(WeightsError, match="has shape"):
        timm_models.by_order(dict(reversed(state)), network, tmp_path)
    with pytest.raises(WeightsError, match="holds 3 tensors, expected 4"):
        timm_models.by_order(dict(state[:3]), network, tmp_path)


@pytest.mark.slow
def test_a_file_with_timm_names_and_without_some(tmp_path):
    torch.manual_seed(0)
    state = timm.create_model("resnet10t", pretrained=False, num_classes=7).state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    settings = {"source": "timm", "name": "resnet10t"}
    settings["weights"] = str(tmp_path / "weights.safetensors")
    encoders.make(**asked(tmp_path, **settings), out=tmp_path / "e")
    assert encoders.load(tmp_path / "e").layers == {"backbone": 512}
    del state["conv1.0.weight"]
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match=r"missing: conv1.0.weight"):
        encoders.make(**asked(tmp_path, **settings), out=tmp_path / "e2")


@pytest.mark.slow
def test_a_torchvision_resnet(tmp_path):
    body = networks.build("resnet18", width=64).body
    state = {**body.state_dict(), "fc.weight": torch.zeros(5, 512), "fc.bias": torch.zeros(5)}
    torch.save(state, tmp_path / "resnet18.pth")
    settings = {"source": "torchvision", "name": "resnet18"}
    settings["weights"] = str(tmp_path / "resnet18.pth")
    encoders.make(**asked(tmp_path, **settings), out=tmp_path / "e")
    encoder = encoders.load(tmp_path / "e")
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        expected = body.eval()(encoder.preprocessing.normalized(pixels)).numpy()
    assert np.allclose(encoder.embed(pixels)["backbone"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "resnet18", "weights": "packaged"},
            "comes with tf_efficientnet_lite0, .* only",
        ),
        ({"name": "resnet8x", "weights": "packaged"}, "timm has no model 'resnet8x'. Did you"),
        ({"name": NAME, "weights": "packaged", "layers": ["projector"]}, "no layer 'projector'"),
    ],
)
@pytest.mark.slow
def test_an_impossible_entry_is_a_parameter_error(tmp_path, settings, message):
    with pytest.raises(ParamsError, match=message):
        encoders.make(**asked(tmp_path, source="timm", **settings), out=tmp_path / "e")
    assert not (tmp_path / "e").exists()
