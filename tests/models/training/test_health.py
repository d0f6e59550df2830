import pytest
import torch

from dejavu.errors import TrainingError
from dejavu.models.training import health


def random(n, dim, seed=0):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def test_std_of_directions_ignores_lengths():
    spread = random(4000, 64)
    assert health.embedding_std(spread) == pytest.approx(1, abs=0.02)
    assert health.embedding_std(spread * 1e-3) == pytest.approx(1, abs=0.02)
    assert health.embedding_std(spread + 1000) < 0.02
    assert health.embedding_std(torch.ones(5, 3)) == 0


def test_effective_rank_counts_directions():
    basis = torch.eye(4).repeat(5, 1)
    signs = torch.cat([basis[:10], -basis[:10]])
    assert health.effective_rank(torch.cat([torch.eye(4), -torch.eye(4)])) == pytest.approx(4)
    assert health.effective_rank(torch.outer(random(9, 1)[:, 0], torch.ones(3))) == pytest.approx(1)
    assert health.effective_rank(torch.ones(6, 3)) == 0
    assert 1 < health.effective_rank(signs * torch.tensor([9.0, 1, 1, 1])) < 4


def test_a_line_and_a_point_are_refused_and_a_cloud_is_not():
    health.check_vectors("m", "backbone", random(100, 8))
    line = torch.outer(random(100, 1)[:, 0], torch.ones(8))
    with pytest.raises(TrainingError, match="effective rank 1 of 8"):
        health.check_vectors("m", "backbone", line)
    with pytest.raises(TrainingError, match="embedding std 0 "):
        health.check_vectors("m", "backbone", torch.ones(9, 8))
    broken = random(9, 8)
    broken[3, 3] = torch.nan
    with pytest.raises(TrainingError, match="gives NaN"):
        health.check_vectors("m", "backbone", broken)


def test_ten_collapsed_epochs_in_a_row_are_needed():
    health.check_spread("m", [0.001] * 9)
    health.check_spread("m", [0.001] * 9 + [0.5] + [0.001] * 9)
    with pytest.raises(TrainingError, match="collapsed"):
        health.check_spread("m", [0.5] + [0.001] * 10)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_its_epoch(loss):
    health.check_loss("m", 0, 3.0)
    with pytest.raises(TrainingError, match=r"m: the loss became (nan|inf) in epoch 8"):
        health.check_loss("m", 7, loss)


def test_a_loss_must_fall_below_its_first_epochs():
    health.check_learned("m", [5.0, 6.0] + [5.4] * 18)  # the first two are 5.5 on average
    with pytest.raises(TrainingError, match=r"first 2 epochs was 5.5 .*best 5.5"):
        health.check_learned("m", [5.0, 6.0] + [5.5] * 18)
    health.check_learned("m", [1.0] * 9)  # too short to tell
