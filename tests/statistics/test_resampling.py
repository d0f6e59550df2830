import numpy as np
import pytest

from dejavu.run import seeds
from dejavu.statistics import resampling


def all_counts(group, n_resamples, block_cells):
    blocks = resampling.count_blocks(
        group, n_resamples, seeds.generator(1, "test"), block_cells=block_cells
    )
    found = np.zeros((len(group), n_resamples), dtype=np.int16)
    for place, counts in blocks:
        assert counts.size <= max(block_cells, len(group))  # one resample at least
        found[:, place] = counts
    return found


@pytest.mark.parametrize("block_cells", [1, 7 * 3, 10**9])
def test_blocks_never_change_the_draws(block_cells):
    found = all_counts(np.arange(7), 20, block_cells)
    generator = seeds.generator(1, "test")
    for column in found.T:
        drawn = generator.integers(0, 7, size=7, dtype=np.int32)
        assert column.tolist() == [int((drawn == i).sum()) for i in range(7)]
        assert column.sum() == 7


def test_duplicates_are_drawn_together():
    group = np.array([3, 8, 3, 5, 8, 3])
    found = all_counts(group, 200, 10**6)
    for each in np.unique(group):
        same = found[group == each]
        assert (same == same[0]).all()
    assert (found[[0, 1, 3]].sum(axis=0) == 3).all()  # as many groups as there are
    assert len(set(found.sum(axis=0).tolist())) > 1  # so resamples differ in their samples


def spread_of(group, right):
    counts = all_counts(group, 2_000, 10**6)
    drawn = resampling.Tally([right]).of(counts)[:, 0] / counts.sum(axis=0)
    return np.std(drawn)


def test_copies_of_a_sample_narrow_no_interval():
    right = np.arange(100) % 3 == 0
    alone = spread_of(np.arange(100), right)
    copied = spread_of(np.repeat(np.arange(100), 9), np.repeat(right, 9))
    assert copied == pytest.approx(alone, rel=0.1)


def test_kinds_of_groups_resample_as_the_samples_do():
    """Cells: two samples alone, twice; a group of three samples, of two cells."""
    counts, group = np.array([4, 2, 1]), np.array([-1, 7, 7])
    values = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    found = resampling.kinds(counts, group, values)
    assert (found.counts.tolist(), found.sizes.tolist()) == ([4, 1], [1, 3])
    assert found.sums.tolist() == [[1, 0], [1, 3]]
    assert found.n == 7
    assert found.means().tolist() == [5 / 7, 3 / 7]
    drawn = found.resampled(4_000, np.random.default_rng(0))
    in_blocks = found.resampled(4_000, np.random.default_rng(0), block_cells=2 * 700)
    assert (in_blocks == drawn).all()
    rows = np.array([[1, 0]] * 4 + [[0, 1]] * 2 + [[1, 1]], dtype=np.float64)
    blocks = resampling.count_blocks(
        np.array([0, 1, 2, 3, 7, 7, 7]), 4_000, np.random.default_rng(1)
    )
    counted = np.concatenate([block.T for _, block in blocks])
    slow = counted @ rows / counted.sum(axis=1)[:, None]
    assert drawn.mean(axis=0) == pytest.approx(slow.mean(axis=0), abs=0.02)
    assert drawn.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.06)


def test_a_tally_weighs_each_sample_by_its_draws():
    counts = np.array([[2, 1], [0, 1], [1, 1]], dtype=np.int16)
    columns = [np.array([True, True, False]), np.array([False, True, True])]
    assert resampling.Tally(columns).of(counts).tolist() == [[2, 1], [2, 2]]
    assert resampling.Tally(columns * 50).of(counts).tolist() == [[2, 1] * 50, [2, 2] * 50]
    assert resampling.Tally([]).of(counts).shape == (2, 0)


@pytest.mark.parametrize("n", [8_191, 8_192, 8_193, 20_000])
def test_a_tally_of_more_samples_than_are_held_at_once_is_exact(n):
    rng = np.random.default_rng(n)
    columns = [rng.random(n) < share for share in (0.1, 0.9, 1.0)]
    counts = rng.poisson(1.0, (n, 4)).astype(np.int16)
    expected = [[counts[column, draw].sum(dtype=int) for column in columns] for draw in range(4)]
    assert resampling.Tally(columns).of(counts).tolist() == expected


def test_the_interval_of_a_mean_matches_the_normal_one():
    n = 2_000
    right = np.arange(n) % 10 < 3
    counts = all_counts(np.arange(n), 2_000, 10**6)
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
