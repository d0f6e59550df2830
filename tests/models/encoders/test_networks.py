import pytest
import torch

from dejavu.errors import ParamsError
from dejavu.models.encoders import networks


@pytest.mark.parametrize(
    ("name", "width", "dim"),
    [
        ("conv_small", 4, 32),
        ("conv_tiny", 4, 32),
        ("resnet_small", 4, 32),
        ("resnet18", 64, 512),
        ("resnet50", 64, 2048),
    ],
)
@pytest.mark.slow
def test_a_backbone_gives_vectors_of_its_dim(name, width, dim):
    network = networks.build(name, width=width).eval()
    assert network.dim == dim
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, dim)


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [
        ("conv_small", [2, 4, 4, 8, 8, 16], [1, 2, 1, 2, 1, 2]),
        ("conv_tiny", [4, 8, 8, 16], [2, 2, 1, 2]),
    ],
)
def test_small_networks_are_convolutions_that_halve_three_times(name, channels, strides):
    network = networks.build(name, width=2)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == channels
    assert [c.stride[0] for c in convolutions] == strides


def test_an_unknown_architecture_gets_a_suggestion():
    with pytest.raises(ParamsError, match="Did you mean 'resnet18'"):
        networks.build("resnet81", width=64)


def test_a_fixed_width_is_not_silently_ignored():
    with pytest.raises(ParamsError, match="width 64, found width 16"):
        networks.build("resnet18", width=16)


def test_a_seed_decides_the_weights_and_leaves_the_global_generator():
    before = torch.get_rng_state()
    first, again, other = (
        networks.seeded(seed, lambda: networks.build("conv_small", width=2)).body[0][0].weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
