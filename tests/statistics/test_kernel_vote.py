import numpy as np

from dejavu.image.voting import count_votes
from dejavu.statistics.kernel_vote import vote_of
from dejavu.statistics.membership import at_false_positives


def slow(labels, similarities, truth, scale):
    """One sample in plain Python."""
    weights = {}
    for place, (label, similarity) in enumerate(zip(labels, similarities, strict=True)):
        weight, near, _ = weights.get(label, (0.0, similarity, place))
        weights[label] = (weight + np.exp((similarity - similarities[0]) / scale), near, place)
    total = sum(weight for weight, *_ in weights.values())
    best = min(
        weights, key=lambda each: (-round(weights[each][0] / total, 9), -weights[each][1], each)
    )
    return best == truth, weights.get(truth, (0.0,))[0] / total


def test_weights_equal_a_slow_twin():
    rng = np.random.default_rng(0)
    labels, truth = rng.integers(0, 5, (300, 8)), rng.integers(0, 6, 300)
    similarities = np.sort(rng.random((300, 8)).round(1), axis=1)[:, ::-1]
    found = vote_of(labels, similarities, truth, scale=0.3)
    for i in range(300):
        is_right, weight = slow(labels[i].tolist(), similarities[i], truth[i], 0.3)
        assert found.is_right[i] == is_right
        assert abs(found.weight_of_truth[i] - weight) < 1e-8


def test_a_large_scale_gives_the_counts():
    rng = np.random.default_rng(1)
    labels, truth = rng.integers(0, 5, (400, 9)), rng.integers(0, 5, 400)
    similarities = np.sort(rng.random((400, 9)).round(2), axis=1)[:, ::-1]
    counted = count_votes(labels, similarities.astype(np.float32), truth)
    found = vote_of(labels, similarities, truth, scale=1e12)
    assert (found.is_right == (counted.winner == truth)).all()
    assert np.allclose(found.weight_of_truth, counted.p_truth, atol=1e-8)


def test_at_most_the_stated_share_of_control_passes_the_cut():
    rng = np.random.default_rng(2)
    target, control = rng.integers(0, 40, 500).astype(float), rng.integers(0, 30, 250).astype(float)
    for percent in (0.5, 1, 10):
        found = at_false_positives(target, control, percent)
        assert (control > found.cut).mean() <= percent / 100
        lower = np.max(control[control < found.cut], initial=-1.0)
        assert (control > lower).mean() > percent / 100
        assert found.n_target_above == (target > found.cut).sum()


def test_a_whole_number_of_control_samples_may_pass_whatever_the_rounding():
    """29 % of 100 samples are 28.999999999999996 in float64."""
    found = at_false_positives(np.array([70.5, 71.5]), np.arange(100.0), 29)
    assert (found.cut, found.n_target_above, found.n_target) == (70.0, 2, 2)
    assert at_false_positives(np.zeros(1), np.arange(100.0), 2.99).cut == 97.0  # two may pass
