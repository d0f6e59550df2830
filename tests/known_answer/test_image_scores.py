"""The image lane on worlds where we know who is memorized, because we planted it.

A sample is correlated with chance `CORRELATED`: then every predictor that knows the correlation is right.
A target sample is memorized with chance `rate`: then the target is right, and surer. Everything else is a
guess among `N_LABELS` labels.
"""

import numpy as np
import pytest

from dejavu.report.image.records import image_node
from dejavu.report.image.results import image_results
from dejavu.tables import catalog
from tests.report.world import build

N = 4_000  # samples per role
N_LABELS = 10
CORRELATED = 0.3


def guesses(rng, n):
    return rng.random(n) < 1 / N_LABELS


def make_world(tmp_path, rate, *, offset=0.0, seed=0, names=("second_model", "classifier")):
    """`offset`: chance that the classifier misses a correlation it should know (a biased reference)."""
    rng = np.random.default_rng(seed)
    correlated = rng.random(2 * N) < CORRELATED
    memorized = (rng.random(2 * N) < rate) & (np.arange(2 * N) < N)
    entropy = {name: rng.uniform(0.5, 2.0, 2 * N) for name in ("vicreg", "second", "classifier")}
    missed = rng.random(2 * N) < offset
    answers = {
        "vicreg": (
            correlated | memorized | guesses(rng, 2 * N),
            np.where(memorized, rng.uniform(0, 0.4, 2 * N), entropy["vicreg"]),
        ),
        "vicreg_second": (correlated | guesses(rng, 2 * N), entropy["second"]),
        "classifier": ((correlated & ~missed) | guesses(rng, 2 * N), entropy["classifier"]),
    }
    world = build(
        tmp_path, n_target=N, n_control=N, answers=answers, planted=memorized, n_labels=N_LABELS,
        resamples=200, references=names,
    )  # fmt: skip
    with catalog.connect(world.data, settings=world.settings.tables(), sandboxed=False) as opened:
        return image_node(image_results(opened, world.settings))["vicreg"]


def expected_gap(rate):
    """Accuracy gained by memorizing: where neither correlation nor luck helps."""
    return rate * (1 - CORRELATED) * (1 - 1 / N_LABELS)


def close_to(value, *shares):
    """Within four standard errors of a sum of independent shares over N samples each."""
    return pytest.approx(value, abs=4 * np.sqrt(sum(s * (1 - s) for s in shares) / N))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
@pytest.mark.slow
def test_planted_memorization_is_recovered(tmp_path, rate):
    found = make_world(tmp_path, rate)
    gap = expected_gap(rate)
    chance = (1 - CORRELATED) * (1 - 1 / N_LABELS) / N_LABELS  # lucky target, unlucky reference
    for reference in ("second_model", "classifier"):
        nodes = found[reference]
        both_disagree = gap + 2 * chance
        assert nodes["target"]["dejavu_score"] == close_to(gap, both_disagree)
        assert nodes["control"]["dejavu_score"] == close_to(0, 2 * chance)
        assert nodes["excess"]["dejavu_score"] == close_to(gap, both_disagree, 2 * chance)
        share = gap + (1 - rate) * chance
        assert nodes["target"]["memorized_share"] == close_to(share, share)
        low, high = nodes["control"]["dejavu_score_ci95"]
        assert low < 0.02
        assert high > -0.02


@pytest.mark.slow
def test_the_estimated_precision_is_the_share_of_the_list_that_was_planted(tmp_path):
    rate = 0.2
    nodes = make_world(tmp_path, rate)["second_model"]
    chance = (1 - CORRELATED) * (1 - 1 / N_LABELS) / N_LABELS
    share = expected_gap(rate) + (1 - rate) * chance
    expected = (share - chance) / share
    low, high = nodes["excess"]["estimated_precision_ci95"]
    four_standard_errors = 4 * (high - low) / (2 * 1.96)
    assert nodes["excess"]["estimated_precision"] == pytest.approx(
        expected, abs=four_standard_errors
    )


@pytest.mark.slow
def test_confident_memorization_is_found_at_few_false_positives(tmp_path):
    rate = 0.2
    nodes = make_world(tmp_path, rate)["second_model"]
    # memorized samples are surer than any other: few control samples reach the cut
    assert (
        nodes["excess"]["memorized_share_at_fpr_1"] > 5 * nodes["excess"]["control_share_at_fpr_1"]
    )
    assert nodes["excess"]["control_share_at_fpr_1"] <= 0.01
    assert nodes["excess"]["estimated_precision_at_fpr_1"] > nodes["excess"]["estimated_precision"]


@pytest.mark.slow
def test_auroc_tells_planted_samples_apart(tmp_path):
    # reference entropy R is uniform on [0.5, 2]; a planted sample's vote has entropy U[0, 0.4], another's
    # U[0.5, 2]: P(R1 - P > R2 - Q), computed on a grid
    nodes = make_world(tmp_path, 0.2)["second_model"]
    rng = np.random.default_rng(1)
    draws = 2_000_000
    r1, r2, q = (rng.uniform(0.5, 2, draws) for _ in range(3))
    expected = (r1 - rng.uniform(0, 0.4, draws) > r2 - q).mean()
    low, high = nodes["target"]["planted_auroc_ci95"]
    assert nodes["target"]["planted_auroc"] == pytest.approx(expected, abs=4 * (high - low) / 3.92)


@pytest.mark.slow
def test_without_a_difference_auroc_is_one_half(tmp_path):
    rng = np.random.default_rng(0)
    answers = {name: (guesses(rng, 2 * N), rng.random(2 * N)) for name in ("vicreg", "classifier")}
    world = build(
        tmp_path, n_target=N, n_control=N, answers=answers, planted=rng.random(2 * N) < 0.2
    )
    with catalog.connect(world.data, settings=world.settings.tables(), sandboxed=False) as opened:
        node = image_node(image_results(opened, world.settings))["vicreg"]["classifier"]["target"]
    low, high = node["planted_auroc_ci95"]
    assert node["planted_auroc"] == pytest.approx(0.5, abs=4 * (high - low) / 3.92)


@pytest.mark.parametrize("offset", [0.0, 0.5])
@pytest.mark.slow
def test_a_biased_reference_shifts_the_score_and_not_the_excess(tmp_path, offset):
    rate = 0.2
    nodes = make_world(tmp_path, rate, offset=offset)["classifier"]
    bias = offset * CORRELATED * (1 - 1 / N_LABELS)
    gap = expected_gap(rate)
    noise = gap + 2 * bias + 0.1
    assert nodes["target"]["dejavu_score"] == close_to(gap + bias, noise)
    assert nodes["bias"]["control"] == close_to(bias, noise)
    assert nodes["excess"]["dejavu_score"] == close_to(gap, noise, noise)
    low, high = nodes["excess"]["dejavu_score_ci95"]
    assert low < gap < high


def results_of(tmp_path, target_answers, reference_answers):
    world = build(
        tmp_path, n_target=600, n_control=600,
        answers={"vicreg": target_answers, "classifier": reference_answers},
    )  # fmt: skip
    with catalog.connect(world.data, settings=world.settings.tables(), sandboxed=False) as opened:
        return image_node(image_results(opened, world.settings))["vicreg"]["classifier"]


@pytest.fixture
def two():
    rng = np.random.default_rng(5)
    return [(rng.random(1200) < share, rng.integers(0, 20, 1200) / 8) for share in (0.5, 0.3)]


SCORES = ("dejavu_score", "dejavu_score_at_20", "dejavu_score_at_5")


@pytest.mark.slow
def test_swapping_target_and_reference_flips_the_sign(tmp_path, two):
    forth = results_of(tmp_path / "a", *two)
    back = results_of(tmp_path / "b", *two[::-1])
    for role in ("target", "control", "excess"):
        for name in SCORES:
            assert forth[role][name] == pytest.approx(-back[role][name], abs=1e-6)
            low, high = forth[role][f"{name}_ci95"]
            assert back[role][f"{name}_ci95"] == pytest.approx([-high, -low], abs=1e-6)
        if role != "excess":
            assert forth[role]["mcnemar_p"] == back[role]["mcnemar_p"]


def test_a_predictor_has_no_gap_with_itself(tmp_path, two):
    found = results_of(tmp_path, two[0], two[0])
    for role in ("target", "control", "excess"):
        for name in (*SCORES, "at_20_paired", "memorized_share"):
            assert found[role][name] == 0
            low, high = found[role][f"{name}_ci95"]
            assert low == 0
            if name != "memorized_share" or role == "excess":  # a share of 0 of 600 may be above 0
                assert high == 0
    assert found["target"]["mcnemar_p"] == 1
