"""A layer may be a module of the network that a program was made from: its vectors are those of a hook."""

import sys

import onnx
import pytest
import torch
from torch import nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models.encoders import onnx_files
from dejavu.models.encoders.program_values import Step, value_of
from tests.models import fixtures
from tests.models.encoders.networks_of_others import allowed
from tests.models.encoders.test_programs import save_onnx
from tests.models.encoders.test_what_shapes_do_not_show import PREPROCESSING, made

SIZE = PREPROCESSING["size_px"]


class Block(nn.Module):
    """A residual block whose one ReLU runs twice and changes its input in place."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=2)
        self.bn = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)

    def forward(self, x):
        y = self.relu(self.bn(self.conv1(x)))
        return self.relu(self.conv2(self.drop(y)) + y)


class Attention(nn.Module):
    """Gives two values, as modules of attention do."""

    def __init__(self, dim):
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x):
        y = self.map(x)
        return y, y.softmax(1)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Block(3, 4), Block(4, 6))
        self.attention = Attention(6)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        y, weights = self.attention(self.stem(x).mean((2, 3)))
        return self.head(y * weights)


MODULES = {
    "first": {"module": "stem.0", "pooling": "map"},
    "stem": {"module": "stem", "pooling": "map"},
    "conv2": {"module": "stem.1.conv2", "pooling": "map"},
    "map": {"module": "attention.map", "pooling": "none"},
    "head": {"module": "head", "pooling": "none"},
}
LENGTHS = {"backbone": 5, "first": 4, "stem": 6, "conv2": 6, "map": 6, "head": 5}


@pytest.fixture(scope="module")
def deep():
    return fixtures.fill(Deep(), 3).eval()


def hooked(network, images, modules):
    """What forward hooks see, copied before a later operation changes it in place."""
    seen, handles = {}, []
    for layer, wanted in modules.items():
        module = network.get_submodule(wanted["module"])
        handles.append(
            module.register_forward_hook(
                lambda _m, _i, out, layer=layer: seen.__setitem__(layer, out.clone())
            )
        )
    with torch.inference_mode():
        seen["backbone"] = network(images)
    for handle in handles:
        handle.remove()
    return {name: each.mean((2, 3)) if each.ndim == 4 else each for name, each in seen.items()}


def assert_gives_layers(encoder, network, modules=MODULES):
    generator = torch.Generator().manual_seed(1)
    squares = torch.randint(0, 256, (3, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    expected = hooked(network, encoder.preprocessing.normalized(squares), modules)
    found = encoder.embed(squares)
    assert list(found) == list(encoder.layers)
    for layer, vectors in found.items():
        torch.testing.assert_close(
            torch.from_numpy(vectors), expected[layer], rtol=1e-4, atol=1e-5, msg=layer
        )
        assert expected[layer].std() > 1e-4


def save_exported(network, path, n=None):
    shapes = ({0: torch.export.Dim("n")},) if n is None else None
    images = torch.zeros(n or 2, 3, SIZE, SIZE)
    torch.export.save(torch.export.export(network, (images,), dynamic_shapes=shapes), path)


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.slow
def test_modules_of_a_program_of_torch_export(tmp_path, deep, batch):
    save_exported(deep, tmp_path / "a.pt2", batch)
    changed = {"changed": {"module": "stem.0.bn", "pooling": "map"}}  # by the ReLU behind it
    asked = {"preprocessing": PREPROCESSING, "modules": MODULES | changed}
    encoder = allowed(tmp_path, "torch_export", "a.pt2", **asked)
    assert encoder.layers == LENGTHS | {"changed": 4}
    assert_gives_layers(encoder, deep, MODULES | changed)
    (tmp_path / "out").rename(tmp_path / "theirs")
    assert_gives_layers(allowed(tmp_path, "file", "theirs", layers=["stem"]), deep)


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.slow
def test_modules_of_an_onnx_file(tmp_path, deep, batch):
    axes = {"images": {0: "n"}, "vectors": {0: "n"}} if batch is None else None
    save_onnx(deep, tmp_path / "a.onnx", batch or 1, SIZE, axes)
    asked = {"preprocessing": PREPROCESSING, "modules": MODULES, "layers": [*LENGTHS]}
    encoder = made(tmp_path, "onnx", "a.onnx", **asked)
    assert encoder.layers == LENGTHS
    assert_gives_layers(encoder, deep)
    (tmp_path / "out").rename(tmp_path / "theirs")
    assert_gives_layers(made(tmp_path, "file", "theirs", layers=["stem"]), deep)


@pytest.mark.slow
def test_a_value_of_an_onnx_file_by_its_own_name(tmp_path, deep):
    save_onnx(deep, tmp_path / "a.onnx", 2, SIZE)
    asked = {"layers": ["x"], "preprocessing": PREPROCESSING}
    value = {"x": {"module": "/stem/stem.1/relu_1/Relu_output_0", "pooling": "map"}}
    by_value = made(tmp_path, "onnx", "a.onnx", modules=value, **asked)
    squares = torch.full((2, 3, SIZE, SIZE), 77, dtype=torch.uint8)
    found = by_value.embed(squares)["x"]
    by_module = made(
        tmp_path, "onnx", "a.onnx", modules={"x": {"module": "stem", "pooling": "map"}}, **asked
    )
    assert (found == by_module.embed(squares)["x"]).all()


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("stem.2", r"no module and no value 'stem.2'. Did you mean 'stem.\d'"),
        ("stem.0.drop", "'stem.0.drop'.*leaves no trace in a program"),
        ("attention", r"'attention' leaves 2 values in the program \(.*\): it gives several"),
    ],
)
def test_modules_that_a_program_does_not_show(tmp_path, deep, module, message):
    save_onnx(deep, tmp_path / "a.onnx", 2, SIZE)
    modules = {"x": {"module": module, "pooling": "map"}}
    with pytest.raises(ParamsError, match=r"a.onnx: modules.x: .*" + message):
        made(tmp_path, "onnx", "a.onnx", modules=modules, preprocessing=PREPROCESSING)


@pytest.mark.slow
def test_a_module_that_runs_twice(tmp_path, deep):
    save_exported(deep, tmp_path / "a.pt2", 2)
    modules = {"x": {"module": "stem.0.relu", "pooling": "map"}}
    with pytest.raises(ParamsError, match=r"relu' leaves 2 values.*\(relu_, relu__1\)"):
        allowed(tmp_path, "torch_export", "a.pt2", modules=modules, preprocessing=PREPROCESSING)


def test_a_module_that_feeds_itself_runs_twice():
    """Each run's value is taken by another run, or by what comes after."""
    steps = [
        Step(makes=("a",), takes=frozenset({"x"}), modules={"block": "block"}),
        Step(makes=("b",), takes=frozenset({"a"}), modules={"block": "block@1"}),
    ]
    with pytest.raises(ParamsError, match=r"leaves 2 values in the program \(a, b\)"):
        value_of("block", "x", steps, ["b"])
    once = [steps[0], Step(makes=("b",), takes=frozenset({"a"}), modules={"block": "block"})]
    assert value_of("block", "x", once, ["b"]) == "b"


def test_names_of_modules_as_both_exporters_of_torch_leave_them():
    node = onnx.helper.make_node("Conv", ["x"], ["y"], name="node_conv2d_1")
    node.metadata_props.add(
        key="pkg.torch.onnx.name_scopes", value="['', 'stem', 'stem.0', 'stem.0.conv', 'conv2d_1']"
    )
    assert onnx_files._modules(node) == ["stem", "stem.0", "stem.0.conv"]
    node.metadata_props[0].value = "__import__('os')"
    assert onnx_files._modules(node) == []
    older = onnx.helper.make_node("Conv", ["x"], ["y"], name="/encoder/layer.0/mlp/mlp.1/Conv")
    names = ["encoder", "encoder.layer.0", "encoder.layer.0.mlp", "encoder.layer.0.mlp.1"]
    assert onnx_files._modules(older) == names


def test_an_onnx_file_whose_tensors_lie_in_another_one(tmp_path, deep):
    """As torch's exporter writes it, unless told otherwise: `a.onnx` and `a.onnx.data`."""
    save_onnx(deep, tmp_path / "one.onnx", 2, SIZE)
    onnx.save_model(
        onnx.load(str(tmp_path / "one.onnx")), str(tmp_path / "a.onnx"),
        save_as_external_data=True, location="a.onnx.data", size_threshold=0,
    )  # fmt: skip
    encoder = made(tmp_path, "onnx", "a.onnx", preprocessing=PREPROCESSING)
    (tmp_path / "a.onnx.data").unlink()
    assert_gives_layers(encoder, deep)
    with pytest.raises(WeightsError, match=r"a.onnx: not a whole ONNX file.*copy that, too"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=PREPROCESSING)


def test_without_the_package_that_reads_onnx_files(tmp_path, deep, monkeypatch):
    save_onnx(deep, tmp_path / "a.onnx", 2, SIZE)
    monkeypatch.setitem(sys.modules, "onnx", None)
    made(tmp_path, "onnx", "a.onnx", preprocessing=PREPROCESSING)
    with pytest.raises(ParamsError, match=r"a.onnx: .*layers inside it.*pip install onnx"):
        made(tmp_path, "onnx", "a.onnx", preprocessing=PREPROCESSING, modules=MODULES)
