import numpy as np
import pytest

from dejavu import seeds
from dejavu.statistics import resampling


def all_counts(n, n_resamples, block_bytes):
    blocks = resampling.count_blocks(
        n, n_resamples, seeds.generator(1, "test"), block_bytes=block_bytes
    )
    found = np.zeros((n_resamples, n), dtype=np.int32)
    for place, counts in blocks:
        found[place] = counts
    return found


@pytest.mark.parametrize("block_bytes", [1, 8 * 7 * 3, 10**9])
def test_blocks_never_change_the_draws(block_bytes):
    found = all_counts(7, 20, block_bytes)
    generator = seeds.generator(1, "test")
    for row in found:
        drawn = generator.integers(0, 7, size=7)
        assert row.tolist() == [int((drawn == i).sum()) for i in range(7)]
        assert row.sum() == 7


def test_sums_weigh_each_sample_by_its_draws():
    counts = np.array([[2, 0, 1], [1, 1, 1]], dtype=np.int32)
    columns = np.array([[True, False], [True, True], [False, True]])
    assert resampling.weighted_sums(counts, columns).tolist() == [[2, 1], [2, 2]]


def test_the_interval_of_a_mean_matches_the_normal_one():
    n = 2_000
    right = np.arange(n) % 10 < 3
    counts = all_counts(n, 2_000, 10**7)
    low, high = resampling.interval(resampling.weighted_sums(counts, right[:, None])[:, 0] / n)
    half = 1.96 * np.sqrt(0.3 * 0.7 / n)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.002)


def test_few_undefined_resamples_are_left_out_and_many_give_no_interval():
    values = np.arange(1000.0)
    values[-10:] = np.nan
    assert resampling.interval(values) == pytest.approx((24.725, 964.275))
    values[-11:] = np.nan
    assert resampling.interval(values) is None
    assert resampling.interval(np.array([])) is None
