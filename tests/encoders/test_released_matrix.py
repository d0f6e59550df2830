"""Every kind of checkpoint into every loader: it works, or ends in a clear error; never a wrong number."""

import pytest
import torch

from dejavu.encoders import barlow_twins, checkpoints, dino, vicreg
from dejavu.errors import WeightsError
from tests.encoders import fixtures

LOADERS = {
    "vicreg": vicreg.load,
    "barlow_twins": barlow_twins.load,
    "dino teacher": lambda path: dino.load(path, network="teacher"),
    "dino student": lambda path: dino.load(path, network="student"),
}

FLAT = {"vicreg", "barlow_twins", "dino teacher"}  # one layout of three projects: one network
DINO = {"dino teacher", "dino student"}


def dino_vit(path):
    return fixtures.dino_full(path, vit=True)


def dino_resnet(path):
    return fixtures.dino_full(path, vit=False)


def dino_resnet_without_module(path):
    return fixtures.dino_full(path, vit=False, teacher_module=False)


# kind of file → how to make it, the loaders that take it, what the others say it looks like
KINDS = {
    "VICReg backbone": (fixtures.vicreg_backbone, FLAT, "ResNet backbone"),
    "VICReg full": (fixtures.vicreg_full, {"vicreg"}, "source: vicreg"),
    "Barlow Twins backbone": (fixtures.barlow_twins_backbone, FLAT, "ResNet backbone"),
    "Barlow Twins full": (fixtures.barlow_twins_full, {"barlow_twins"}, "source: barlow_twins"),
    "Barlow Twins VISSL": (fixtures.barlow_twins_vissl, {"barlow_twins"}, "source: barlow_twins"),
    "DINO ViT backbone": (fixtures.dino_vit_backbone, {"dino teacher"}, "source: dino"),
    "DINO ViT full": (dino_vit, DINO, "source: dino"),
    "DINO ResNet full": (dino_resnet, DINO, "source: dino"),
    "DINO ResNet full, no module.": (dino_resnet_without_module, DINO, "source: dino"),
    "torchvision classifier": (fixtures.torchvision_classifier, set(), "source: torchvision"),
    "timm ViT classifier": (fixtures.timm_classifier, set(), "source: timm"),
    "CLIP": (fixtures.clip, set(), "CLIP model"),
    "TorchScript": (fixtures.torchscript, set(), "TorchScript"),
    "text model": (fixtures.text_model, set(), "text model"),
    "Segment Anything": (fixtures.segment_anything, set(), "Segment Anything"),
    "GroundingDINO": (fixtures.grounding_dino, set(), "GroundingDINO"),
    "EfficientNet-Lite0": (fixtures.efficientnet, set(), "EfficientNet"),
    "CLIP training": (fixtures.clip_training, set(), "CLIP model"),
    "numbers": (fixtures.numbers, set(), "expected"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    made = {}
    for place, (kind, (make, _, _)) in enumerate(KINDS.items()):
        path = folder / f"{place}.pth"
        made[kind] = (path, make(path))
    return made


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("kind", KINDS)
def test_file_and_loader(files, kind, loader):
    path, origin = files[kind]
    _, takers, says = KINDS[kind]
    if loader not in takers:
        with pytest.raises(WeightsError) as caught:
            LOADERS[loader](path)
        assert str(path) in str(caught.value)
        assert says in str(caught.value)
        return
    backbone, _ = origin[loader.split()[1]] if isinstance(origin, dict) else origin
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = LOADERS[loader](path).network(pictures)["backbone"]
        torch.testing.assert_close(found, backbone(pictures), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind, (_, takers, _) in KINDS.items() if takers >= FLAT])
def test_one_flat_file_gives_one_network_whoever_names_it(files, kind):
    states = [LOADERS[loader](files[kind][0]).network.state_dict() for loader in sorted(FLAT)]
    for other in states[1:]:
        assert all(torch.equal(other[name], value) for name, value in states[0].items())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("TorchScript", "numbers")])
def test_every_public_kind_is_recognized(files, kind):
    assert "This looks like" in checkpoints.guess(checkpoints.read(files[kind][0]))
