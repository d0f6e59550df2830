"""Our projectors are lightly's heads: the same names, first weights, and place in the stream of draws."""

import subprocess
import sys
import warnings

import pytest
import torch
from lightly.models.modules import heads
from torch import nn

from dejavu.models.encoders import projectors
from tests.paths import ROOT

N_IN, DIM = 12, 8


def lightlys_dino():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*weight_norm", category=FutureWarning)
        return heads.DINOProjectionHead(N_IN, 2 * DIM, DIM, output_dim=1, batch_norm=True).layers


HEADS = {
    "vicreg": (projectors.expanding, lambda: heads.VICRegProjectionHead(N_IN, DIM, DIM, 3)),
    "barlow_twins": (
        projectors.expanding, lambda: heads.BarlowTwinsProjectionHead(N_IN, DIM, DIM),
    ),
    "simclr": (projectors.simclr, lambda: heads.SimCLRProjectionHead(N_IN, DIM, DIM, 2)),
    "dino": (projectors.dino, lightlys_dino),
}  # fmt: skip


def drawn(make):
    """Return a module, and what the next one would be made of."""
    torch.manual_seed(5)
    return make(), torch.rand(3)


@pytest.mark.parametrize("method", HEADS)
def test_tensors_outputs_and_the_draws_that_follow_are_lightlys(method):
    ours, theirs = HEADS[method]
    (module, after), (head, expected_after) = drawn(lambda: ours(N_IN, DIM)), drawn(theirs)
    tensors, expected = module.state_dict(), head.state_dict()
    assert list(tensors) == list(expected)
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    features = torch.rand(5, N_IN)
    assert torch.equal(module(features), head(features))
    assert torch.equal(after, expected_after)


def test_dinos_projector_ends_at_the_bottleneck():
    assert isinstance(projectors.dino(N_IN, DIM)[-1], nn.Linear)


@pytest.mark.slow
@pytest.mark.parametrize("heavy", ["torchvision", "lightly", "timm", "torch._dynamo"])
def test_loading_a_network_that_was_trained_here_imports_none_that_it_does_not_need(heavy):
    command = (
        "import sys; from dejavu.image import embed; "
        "from dejavu.models.encoders import trained, untrained; "
        f"sys.exit({heavy!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT).returncode == 0
