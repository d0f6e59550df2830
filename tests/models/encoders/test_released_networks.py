"""Each released layout loads into the network it came from, to the bit."""

import json
from pathlib import Path

import pytest
import torch

from dejavu.errors import WeightsError
from dejavu.models.encoders import barlow_twins, dino, infer_architecture, vicreg
from dejavu.models.encoders.released_network import build, require_publisher, with_layers
from tests.models import fixtures, odd_files

LOADERS = {
    "vicreg": vicreg.load,
    "barlow_twins": barlow_twins.load,
    "dino": lambda path: dino.load(path, network="teacher", num_heads=1),
}


def images(px=32, n=3):
    return torch.rand(n, 3, px, px, generator=torch.Generator().manual_seed(0)) * 2 - 1


def assert_same(released, backbone, projector):
    with torch.no_grad():
        vectors = released.network(images())
        features = vectors["backbone"]
        torch.testing.assert_close(features, backbone(images()), rtol=1e-5, atol=1e-6)
        assert features.std() > 0.01
        if projector is None:
            assert list(vectors) == list(released.layers) == ["backbone"]
        else:
            out = vectors["projector"]
            torch.testing.assert_close(out, projector(features), rtol=1e-5, atol=1e-6)
            assert out.std() > 0.01
            assert released.layers == {"projector": out.shape[1], "backbone": features.shape[1]}


@pytest.mark.parametrize(
    ("source", "make"),
    [
        ("vicreg", fixtures.vicreg_backbone),
        ("vicreg", fixtures.vicreg_full),
        ("barlow_twins", fixtures.barlow_twins_backbone),
        ("barlow_twins", fixtures.barlow_twins_full),
        ("barlow_twins", fixtures.barlow_twins_vissl),
        ("dino", fixtures.dino_vit_backbone),
    ],
)
@pytest.mark.slow
def test_file_gives_the_vectors_of_the_network_it_came_from(tmp_path, source, make):
    backbone, projector = make(tmp_path / "a.pth")
    assert_same(LOADERS[source](tmp_path / "a.pth"), backbone, projector)


@pytest.mark.parametrize("network", ["student", "teacher"])
@pytest.mark.parametrize(
    ("vit", "teacher_module"), [(True, False), (True, True), (False, False), (False, True)]
)
@pytest.mark.slow
def test_dino_gives_the_student_or_the_teacher(tmp_path, network, vit, teacher_module):
    nets = fixtures.dino_full(tmp_path / "a.pth", vit=vit, teacher_module=teacher_module)
    assert_same(dino.load(tmp_path / "a.pth", network=network, num_heads=1), *nets[network])


@pytest.mark.parametrize("n_maps", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("prototypes", ["weight", "g and v", "parametrizations"])
@pytest.mark.slow
def test_dino_head_is_inferred_from_names_and_shapes(tmp_path, n_maps, norm, prototypes):
    head = torch.nn.Module()
    gelu = torch.nn.GELU
    head.mlp = fixtures.projector(
        64, 16, bias=True, last_bias=True, activation=gelu, norm=norm, n_maps=n_maps, hidden=40
    )
    last = {
        "weight": {"weight": torch.ones(50, 16)},
        "g and v": {"weight_g": torch.ones(50, 1), "weight_v": torch.ones(50, 16)},
        "parametrizations": {
            "parametrizations.weight.original0": torch.ones(50, 1),
            "parametrizations.weight.original1": torch.ones(50, 16),
        },
    }[prototypes]
    fixtures.fill(head, 1)
    backbone = fixtures.fill(fixtures.tiny_vit(), 2)
    mlp = {f"head.{k}": v for k, v in head.state_dict().items()}
    if n_maps == 1:  # DINO makes no sequence of a single map
        mlp = {k.replace("mlp.0.", "mlp."): v for k, v in mlp.items()}
    teacher = {**fixtures.prefixed("backbone.", backbone), **mlp}
    teacher |= {f"head.last_layer.{k}": v for k, v in last.items()}
    torch.save({"student": teacher, "teacher": teacher}, tmp_path / "a.pth")
    assert_same(dino.load(tmp_path / "a.pth", network="teacher", num_heads=1), backbone, head.mlp)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d"])
@pytest.mark.slow
def test_inferred_resnet_is_torchvisions(name):
    import torchvision

    twin = fixtures.fill(getattr(torchvision.models, name)(weights=None), 3)
    twin.fc = torch.nn.Identity()
    state = twin.state_dict()
    network = infer_architecture.build(infer_architecture.resnet(state, Path("x"), contents=state))
    assert list(network.body.state_dict()) == list(state)
    network.body.load_state_dict(state)
    network.eval()
    with torch.no_grad():
        assert torch.equal(network(images(65, 2)), twin(images(65, 2)))


def test_wider_released_resnet_is_inferred_too(tmp_path):
    twin = fixtures.fill(fixtures.TinyResNet(width=16, blocks=(1, 2, 3, 1)), 4)
    torch.save(twin.state_dict(), tmp_path / "a.pth")
    assert_same(vicreg.load(tmp_path / "a.pth"), twin, None)


def test_order_of_keys_does_not_matter(tmp_path):
    backbone, head = fixtures.vicreg_full(tmp_path / "a.pth")

    def shuffle(contents):
        contents["model"] = dict(reversed(contents["model"].items()))

    odd_files.rewrite(tmp_path / "a.pth", tmp_path / "b.pth", shuffle)
    assert_same(vicreg.load(tmp_path / "b.pth"), backbone, head)


def test_half_precision_is_read_as_float32(tmp_path):
    fixtures.vicreg_backbone(tmp_path / "a.pth")
    state = {
        k: v.half() if v.is_floating_point() else v
        for k, v in torch.load(tmp_path / "a.pth").items()
    }
    torch.save(state, tmp_path / "b.pth")
    assert vicreg.load(tmp_path / "b.pth").network(images())["backbone"].dtype == torch.float32


def test_backbone_never_gets_the_projector_of_another_training(tmp_path):
    fixtures.barlow_twins_backbone(tmp_path / "a.pth")
    released = barlow_twins.load(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"has no projector.*another training"):
        with_layers(released, ("projector", "backbone"), tmp_path / "a.pth")
    assert with_layers(released, ("backbone",), tmp_path / "a.pth").layers == released.layers


def test_unused_projector_is_dropped(tmp_path):
    fixtures.vicreg_full(tmp_path / "a.pth")
    kept = with_layers(vicreg.load(tmp_path / "a.pth"), ("backbone",), tmp_path / "a.pth")
    assert list(kept.layers) == list(kept.network(images())) == ["backbone"]
    assert not [name for name in kept.network.state_dict() if name.startswith("projector")]


def test_unknown_layer_is_refused(tmp_path):
    fixtures.vicreg_full(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="no layer 'head', only"):
        with_layers(vicreg.load(tmp_path / "a.pth"), ("head",), tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("source", "make"),
    [
        ("vicreg", fixtures.vicreg_full),
        ("barlow_twins", fixtures.barlow_twins_vissl),
        ("dino", fixtures.dino_vit_backbone),
    ],
)
def test_network_is_built_again_from_its_plain_description(tmp_path, source, make):
    make(tmp_path / "a.pth")
    released = LOADERS[source](tmp_path / "a.pth")
    again = build(json.loads(json.dumps(released.architecture)))
    again.load_state_dict(released.network.state_dict())
    again.eval()
    with torch.no_grad():
        for layer, vectors in released.network(images()).items():
            assert torch.equal(again(images())[layer], vectors)


def test_record_of_a_download_tells_whose_backbone_it_is(tmp_path):
    path = tmp_path / "a.pth"
    require_publisher(path, "vicreg")
    record = path.with_name("a.pth.json")
    record.write_text('{"url": "https://dl.fbaipublicfiles.com/dino/dino_resnet50.pth"}')
    require_publisher(path, "dino")
    with pytest.raises(WeightsError, match="set source: dino"):
        require_publisher(path, "vicreg")
    record.write_text('{"url": "https://example.org/other/x.pth"}')
    require_publisher(path, "vicreg")
