import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from dejavu.statistics import intervals


def score_z(x1, n1, x2, n2, phi):
    """Return the statistic with the restricted estimates found by brute force over the second share."""
    grid = np.linspace(1e-9, min(1.0, 1 / phi) - 1e-9, 200_001)
    with np.errstate(divide="ignore"):
        like = (
            x1 * np.log(phi * grid) + (n1 - x1) * np.log1p(-phi * grid)
            + x2 * np.log(grid) + (n2 - x2) * np.log1p(-grid)
        )  # fmt: skip
    q = grid[np.argmax(like)]
    p = phi * q
    variance = (p * (1 - p) / n1 + phi**2 * q * (1 - q) / n2) * (n1 + n2) / (n1 + n2 - 1)
    return (x1 / n1 - phi * x2 / n2) / np.sqrt(variance)


@pytest.mark.parametrize(
    "table", [(10, 20, 5, 20), (3, 50, 40, 60), (49, 50, 30, 60), (7, 9, 2, 400)]
)
def test_the_bounds_are_where_the_brute_force_statistic_says(table):
    x1, n1, x2, n2 = table
    low, high = intervals.ratio(x1, n1, x2, n2)
    assert score_z(*table, low) == pytest.approx(1.96, abs=0.01)
    assert score_z(*table, high) == pytest.approx(-1.96, abs=0.01)


def test_a_set_without_hits_is_bounded_on_one_side():
    assert intervals.ratio(0, 30, 5, 30)[0] == 0.0
    assert intervals.ratio(5, 30, 0, 30)[1] == np.inf
    with pytest.raises(ValueError, match="undefined"):
        intervals.ratio(0, 30, 0, 30)


def test_precision_turns_the_ratio_around():
    low, high = intervals.precision(40, 100, 10, 100)
    assert low < 0.75 < high
    assert intervals.precision(40, 100, 0, 100)[1] == 1.0
    with pytest.raises(ValueError, match="no list"):
        intervals.precision(0, 100, 3, 100)


@pytest.mark.slow
def test_precision_covers():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        hits, control = rng.binomial(60, 0.3), rng.binomial(80, 0.1)
        low, high = intervals.precision(hits, 60, control, 80)
        inside += low <= 2 / 3 <= high
    assert inside / 400 >= 0.93


def test_shares():
    assert intervals.wilson(0, 10)[0] == pytest.approx(0.0, abs=1e-12)
    assert intervals.wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert intervals.clopper_pearson(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)


@pytest.mark.slow
def test_a_small_area_stays_inside_and_covers():
    assert intervals.auroc_small(1.0, 10, 10)[1] == 1.0
    assert intervals.auroc_small(0.0, 10, 10)[0] == 0.0
    rng = np.random.default_rng(1)
    inside, n = 0, 300
    for _ in range(n):
        positive, negative = rng.normal(1, 1, 15), rng.normal(size=40)
        area = roc_auc_score([1] * 15 + [0] * 40, np.concatenate([positive, negative]))
        low, high = intervals.auroc_small(area, 15, 40)
        inside += low <= 0.76025 <= high
    assert inside / n >= 0.92


@pytest.mark.slow
def test_delong_has_the_area_of_scikit_learn_ties_included_and_covers():
    rng = np.random.default_rng(2)
    inside, n = 0, 300
    for _ in range(n):
        positive, negative = rng.normal(1, 1, 80).round(1), rng.normal(size=120).round(1)
        area, (low, high) = intervals.delong(positive, negative)
        truth = [1] * 80 + [0] * 120
        assert area == pytest.approx(roc_auc_score(truth, np.concatenate([positive, negative])))
        inside += low <= 0.76 <= high
    assert inside / n >= 0.92


def test_wilsons_interval_is_scipys_to_the_bit():
    for n in (1, 2, 3, 7, 50, 511, 10_000):
        for n_hits in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            for level in (0.9, 0.95):
                found = stats.binomtest(n_hits, n).proportion_ci(level, method="wilson")
                assert intervals.wilson(n_hits, n, level) == (found.low, found.high)


@pytest.mark.parametrize(("area", "n", "m"), [(0.8, 15, 40), (0.55, 8, 5), (0.97, 30, 12)])
def test_newcombes_bounds_are_where_his_variance_says(area, n, m):
    """(area − bound)² = z² V(bound), with Hanley and McNeil's V, both sets taken as (n + m) / 2."""

    def variance(at):
        both = (n + m) / 2 - 1
        return at * (1 - at) / (n * m) * (1 + both * ((1 - at) / (2 - at) + at / (1 + at)))

    low, high = intervals.auroc_small(area, n, m)
    assert 0 < low < area < high < 1
    for bound in (low, high):
        assert (area - bound) ** 2 == pytest.approx(1.959964**2 * variance(bound), rel=1e-5)
    assert intervals.auroc_small(1 - area, m, n) == pytest.approx((1 - high, 1 - low))


def test_delongs_interval_is_symmetric_and_cut_at_the_ends():
    """Three of three positives against two negatives, one pair the wrong way: the area is 5/6."""
    area, (low, high) = intervals.delong(np.array([3.0, 2.0, 0.5]), np.array([1.0, 0.0]))
    # placements: 1, 1, ½ of the positives and ⅔, 1 of the negatives, so V = (1/12)/3 + (1/18)/2
    half = 1.959964 * np.sqrt(1 / 36 + 1 / 36)
    assert (area, low, high) == (pytest.approx(5 / 6), pytest.approx(5 / 6 - half, abs=1e-6), 1.0)
    mirrored = intervals.delong(np.array([1.0, 0.0]), np.array([3.0, 2.0, 0.5]))
    assert mirrored == (pytest.approx(1 / 6), (0.0, pytest.approx(1 / 6 + half, abs=1e-6)))


def test_a_cut_at_so_few_false_positives_takes_so_many_control_samples():
    assert [intervals.least_control(percent) for percent in (5, 1.0, 0.3)] == [20, 100, 334]


@pytest.mark.parametrize("table", [(10, 20, 5, 20), (3, 50, 40, 60)])
def test_a_ratio_turned_over_has_the_bounds_turned_over(table):
    x1, n1, x2, n2 = table
    low, high = intervals.ratio(*table)
    assert intervals.ratio(x2, n2, x1, n1) == pytest.approx((1 / high, 1 / low))
