import numpy as np
import pytest

from dejavu.run import seeds
from dejavu.statistics import resampling


def all_counts(n, n_resamples, block_cells):
    blocks = resampling.count_blocks(
        n, n_resamples, seeds.generator(1, "test"), block_cells=block_cells
    )
    found = np.zeros((n, n_resamples), dtype=np.int16)
    for place, counts in blocks:
        found[:, place] = counts
    return found


@pytest.mark.parametrize("block_cells", [1, 7 * 3, 10**9])
def test_blocks_never_change_the_draws(block_cells):
    found = all_counts(7, 20, block_cells)
    generator = seeds.generator(1, "test")
    for column in found.T:
        drawn = generator.integers(0, 7, size=7, dtype=np.int32)
        assert column.tolist() == [int((drawn == i).sum()) for i in range(7)]
        assert column.sum() == 7


def test_a_tally_weighs_each_sample_by_its_draws():
    counts = np.array([[2, 1], [0, 1], [1, 1]], dtype=np.int16)
    columns = [np.array([True, True, False]), np.array([False, True, True])]
    assert resampling.Tally(columns).of(counts).tolist() == [[2, 1], [2, 2]]
    assert resampling.Tally(columns * 50).of(counts).tolist() == [[2, 1] * 50, [2, 2] * 50]
    assert resampling.Tally([]).of(counts).shape == (2, 0)


def test_the_interval_of_a_mean_matches_the_normal_one():
    n = 2_000
    right = np.arange(n) % 10 < 3
    counts = all_counts(n, 2_000, 10**6)
    low, high = resampling.interval(resampling.Tally([right]).of(counts)[:, 0] / n)
    half = 1.96 * np.sqrt(0.3 * 0.7 / n)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.002)


def test_few_undefined_resamples_are_left_out_and_many_give_no_interval():
    values = np.arange(1000.0)
    values[-10:] = np.nan
    assert resampling.interval(values) == pytest.approx((24.725, 964.275))
    values[-11:] = np.nan
    assert resampling.interval(values) is None
    assert resampling.interval(np.array([])) is None
