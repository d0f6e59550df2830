"""Two processes against one: the same losses and weights at equal batches, up to the order of sums."""

import csv

import pytest
import torch
from safetensors.torch import load_file

from dejavu.models import folder as folders
from dejavu.models.training import batch_norm, health
from dejavu.models.training.team import Team
from dejavu.run import shards
from dejavu.tables.parquet import fingerprint
from tests.models.clip.test_clip import lane_at
from tests.models.training import two_processes
from tests.models.training.world import World

pytestmark = pytest.mark.slow
TOLERANCE = 2e-4  # of weights of some 0.1, after six steps in float32
# What is added to all vectors changes no loss of VICReg: its gradient is what rounding leaves, and AdamW's
# steps are of one length however short a gradient is.
LAST_BIAS = "projector.layers.6.bias"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The folder of two processes that did everything, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("both")
    world = World(folder / "data")
    (folder / "lane").mkdir()
    lane_at(folder / "lane", as_tars=True)
    processes = two_processes.start(folder)
    with pytest.MonkeyPatch.context() as patch, two_processes.in_float32():
        patch.setattr(shards, "WORK", folder / ".one")
        patch.setattr("os.cpu_count", lambda: 1)
        patch.setattr(health, "check_vectors", lambda *_: None)
        for name in two_processes.TRAININGS:
            two_processes.train(world, folder / "one", name)
        two_processes.train_clip(folder / "lane", folder / "one" / "clip")
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return folder


@pytest.mark.parametrize("name", two_processes.TRAININGS)
def test_two_processes_train_what_one_does(both, name):
    losses = [
        [float(row["loss"]) for row in csv.DictReader((folder / name / "loss.csv").open())]
        for folder in (both, both / "one")
    ]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=0)
    two, one = (load_file(folder / name / "weights.safetensors") for folder in (both, both / "one"))
    assert two.keys() == one.keys()
    for key, values in one.items():
        if name == "adamw" and key == LAST_BIAS:
            continue
        torch.testing.assert_close(two[key], values, rtol=1e-3, atol=TOLERANCE, msg=key)


def test_two_processes_train_the_clip_that_one_does(both):
    two, one = (folders.read_facts(folder / "clip") for folder in (both, both / "one"))
    assert len(one["losses"]) == 3
    torch.testing.assert_close(two["losses"], one["losses"], rtol=1e-4, atol=0)


@pytest.mark.parametrize("n_parts", [1, 2])
def test_clips_gradient_is_that_of_the_whole_batch(both, n_parts):
    """Each process of two works on half of the batch, in one or two parts."""
    expected = two_processes.clip_gradients(Team(torch.device("cpu")), 1)
    for rank in (0, 1):
        found = torch.load(both / f"clip{n_parts}of{rank}.pt")
        for values, by_one in zip(found, expected, strict=True):
            torch.testing.assert_close(values, by_one, rtol=1e-4, atol=1e-5)


def test_killed_with_two_and_resumed_it_ends_where_an_uninterrupted_training_does(both):
    assert fingerprint(both / "resumed") == fingerprint(both / "dino")


def test_batch_norm_over_two_processes_is_that_of_the_whole_batch(both):
    """In float64, so that what is left is the order of sums."""
    halves = [torch.load(both / f"norm{rank}.pt") for rank in (0, 1)]
    images, weights = two_processes.images_and_weights()
    network = two_processes.norms()
    normal = network(images.requires_grad_())
    (normal * weights).sum().backward()
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(torch.cat([half[0] for half in halves]), normal, **close)
    torch.testing.assert_close(torch.cat([half[1] for half in halves]), images.grad, **close)
    for parameter, one, other in zip(network.parameters(), halves[0][2], halves[1][2], strict=True):
        torch.testing.assert_close(one + other, parameter.grad, **close)
    for half in halves:
        torch.testing.assert_close(half[3], network.state_dict(), **close)
        assert half[3].keys() == network.state_dict().keys()


def test_batch_norm_of_bfloat16_sums_in_float32(both):
    images, _ = two_processes.images_and_weights()
    whole = torch.nn.BatchNorm2d(3)
    expected = whole(images.to(torch.bfloat16).float()).chunk(2)
    for rank in (0, 1):
        normal, mean, variance = torch.load(both / f"coarse{rank}.pt")
        assert (normal.dtype, mean.dtype) == (torch.bfloat16, torch.float32)
        torch.testing.assert_close(normal.float(), expected[rank], rtol=0.01, atol=0.01)
        torch.testing.assert_close([mean, variance], [whole.running_mean, whole.running_var])


def test_batch_norm_that_is_not_training_needs_no_other_process():
    network, images = two_processes.norms().eval(), two_processes.images_and_weights()[0]
    expected = network(images)
    assert torch.equal(batch_norm.synced(network, torch.device("cpu"))(images), expected)


def test_a_batch_that_two_processes_cannot_share_is_refused_in_both(both):
    said = {(both / f"odd{rank}.txt").read_text() for rank in (0, 1)}
    assert len(said) == 1
    assert "a batch of 9 cannot be shared by 2 processes in 1 parts each" in said.pop()
    assert not (both / "odd").exists()
