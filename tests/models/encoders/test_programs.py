"""Networks of one's own class and exported programs give the vectors that they give by themselves."""

import warnings

import pytest
import torch
from torch import nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import encoders
from tests.models import fixtures
from tests.models.encoders.networks_of_others import allowed, assert_gives
from tests.models.encoders.test_what_shapes_do_not_show import (
    PREPROCESSING,
    made,
)

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
    modules = {"late": {"module": "conv", "pooling": "tokens"}}
    with pytest.raises(ParamsError, match=r"a.onnx: modules.late: 'conv' gives \(2, 6, 10, 10\)"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=seen, modules=modules)
    (tmp_path / "a.onnx").write_bytes(b"\x08\x07rubbish")
    with pytest.raises(WeightsError, match="a.onnx: not a whole ONNX file"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=seen)


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.slow
def test_a_program_of_torch_export(tmp_path, small, batch):
    shapes = ({0: torch.export.Dim("n")},) if batch is None else None
    exported = torch.export.export(small, (torch.zeros(2, 3, 48, 48),), dynamic_shapes=shapes)
    torch.export.save(exported, tmp_path / "a.pt2")
    encoder = allowed(tmp_path, "torch_export", "a.pt2", preprocessing=PREPROCESSING)
    for n in (1, 3):
        assert_gives(encoder, small, n=n)
