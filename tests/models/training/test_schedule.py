import pytest
import torch

from dejavu.models.training.schedule import one_cycle


def rates(n_steps, warmup_share):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = one_cycle(optimizer, peak=2.0, n_steps=n_steps, warmup_share=warmup_share)
    found = []
    for _ in range(n_steps - 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return [*found, optimizer.param_groups[0]["lr"]]


@pytest.mark.parametrize("n_steps", range(1, 41))
@pytest.mark.parametrize("warmup_share", [0.0, 0.1, 0.2, 0.25, 0.5, 0.99])
def test_every_length_has_a_schedule(n_steps, warmup_share):
    found = rates(n_steps, warmup_share)
    assert all(0 <= rate <= 2.0 + 1e-12 for rate in found)


def test_the_peak_is_reached_after_the_warm_up():
    assert max(range(40), key=rates(40, 0.25).__getitem__) == 9
