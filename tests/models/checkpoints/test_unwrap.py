"""One network in every wrapping that training scripts put around it, and two networks in one file."""

import pytest
import torch

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from tests.models import fixtures

NET = fixtures.fill(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)), 1)
OTHER = fixtures.fill(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)), 2)


def named(start, net=NET):
    return fixtures.prefixed(start, net)


def taken(tmp_path, contents, **asked):
    torch.save(contents, tmp_path / "a.pth")
    path = tmp_path / "a.pth"
    return unwrapped(checkpoints.read(path), path, what="weights", **asked)


def assert_is(state, net):
    assert set(state) == set(net.state_dict())
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    "contents",
    [
        named(""),
        {"state_dict": named("")},
        {"epoch": 3, "arch": "x", "state_dict": named("module."), "optimizer": {"state": {}}},
        {"model": named("_orig_mod.")},
        {"model": named("module._orig_mod.")},
        {"model": named("_orig_mod.module.")},
        {"state_dict": named("model."), "pytorch-lightning_version": "2.6", "loops": {}},
        {"state_dict": named("net._orig_mod.") | {}},
        {"model": {"state_dict": named("module.")}},
        {"model_state_dict": named("network.")},
        {"state_dict": named("module."), "state_dict_ema": named("module.", OTHER)},
    ],
)
def test_wrappers_are_taken_off(tmp_path, contents):
    assert_is(taken(tmp_path, contents), NET)


def test_the_averaged_network_is_taken_only_where_it_is_asked_for(tmp_path):
    both = {"state_dict": named("module."), "state_dict_ema": named("module.", OTHER)}
    assert_is(taken(tmp_path, both, state_dict="state_dict_ema"), OTHER)
    with pytest.raises(
        WeightsError, match=r"may lie under 'state_dict_ema'. Say which with state_d"
    ):
        taken(tmp_path, {"state_dict_ema": named("")})


def test_one_of_several_networks_is_named(tmp_path):
    momentum = {"state_dict": named("module.encoder_q.") | named("module.encoder_k.", OTHER)}
    assert_is(taken(tmp_path, momentum, prefix="encoder_k."), OTHER)
    assert_is(taken(tmp_path, momentum, prefix="encoder_q."), NET)
    with pytest.raises(
        WeightsError, match=r"starts with 'encoder.'; they start with encoder_k., enc"
    ):
        taken(tmp_path, momentum, prefix="encoder.")


def test_keys_inside_the_file_are_named(tmp_path):
    vissl = {"classy_state_dict": {"base_model": {"model": {"trunk": named("_feature_blocks.")}}}}
    asked = {"state_dict": "classy_state_dict.base_model.model.trunk"}
    assert_is(taken(tmp_path, vissl, prefix="_feature_blocks.", **asked), NET)
    with pytest.raises(WeightsError, match="there is no key 'head', but trunk"):
        taken(tmp_path, vissl, state_dict="classy_state_dict.base_model.model.head")


def test_two_ways_to_go_are_a_question(tmp_path):
    with pytest.raises(WeightsError, match=r"under 'state_dict' or 'model'. Say which"):
        taken(tmp_path, {"model": named(""), "state_dict": named("", OTHER)})


def test_names_that_become_equal_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="differ only in wrappers"):
        taken(tmp_path, named("") | named("module.", OTHER))
