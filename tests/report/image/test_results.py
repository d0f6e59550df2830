import numpy as np
import pytest

from dejavu.report.image.records import image_node
from dejavu.report.image.results import image_results
from dejavu.run import seeds
from dejavu.statistics import intervals
from dejavu.tables import catalog
from tests.report import slow
from tests.report.world import build, target

N_TARGET, N_CONTROL, RESAMPLES = 180, 155, 60
GROUP = np.arange(N_TARGET + N_CONTROL)  # duplicates: pairs, and one group of six, in each role
for first in (0, N_TARGET):
    GROUP[first : first + 40] = first + np.arange(40) // 2 * 2
    GROUP[first + 40 : first + 46] = first + 40
PAIRS = {
    "second_model": "vicreg_second",
    "classifier": "classifier",
    "naive_bayes@5": "naive_bayes@5",
}


def noisy(seed, share, n=N_TARGET + N_CONTROL):
    """Answers with many ties in entropy."""
    rng = np.random.default_rng(seed)
    return rng.random(n) < share, rng.integers(0, 12, n) / 8


ANSWERS = {
    "vicreg": noisy(1, 0.6),
    "vicreg_second": noisy(2, 0.3),
    "dino": noisy(3, 0.5),
    "dino_second": noisy(4, 0.4),
    "classifier": noisy(5, 0.35),
    "naive_bayes@5": noisy(6, 0.25),
    "oracle": noisy(7, 0.45),
}
PLANTED = np.arange(N_TARGET + N_CONTROL) % 4 == 0


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    world = build(
        tmp_path_factory.mktemp("world"),
        n_target=N_TARGET, n_control=N_CONTROL, answers=ANSWERS, planted=PLANTED,
        targets=[target(), target("dino", "dino_second")], resamples=RESAMPLES, groups=GROUP,
    )  # fmt: skip
    with catalog.connect(world.data, settings=world.settings.tables()) as opened:
        return image_node(image_results(opened, world.settings))


def drawn(role):
    """Draw groups, and take all samples of each, as often as it is drawn."""
    members = {}
    for row in everybody(role):
        members.setdefault(GROUP[row], []).append(row)
    groups = sorted(members)
    generator = seeds.generator(0, f"report.bootstrap.image.{role}")
    return [
        [
            row
            for place in generator.integers(0, len(groups), size=len(groups), dtype=np.int32)
            for row in members[groups[place]]
        ]
        for _ in range(RESAMPLES)
    ]


def everybody(role):
    return (
        list(range(N_TARGET)) if role == "target" else list(range(N_TARGET, N_TARGET + N_CONTROL))
    )


SHARES = ("target_accuracy", "reference_accuracy", "memorized_share")


def is_too_few(name):
    return "_5" in name  # 5 % of 180 are 9


def bounds(values):
    return pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=2e-6)


@pytest.mark.parametrize("role", ["target", "control"])
@pytest.mark.parametrize("reference", PAIRS)
@pytest.mark.slow
def test_every_score_and_interval_equals_the_slow_one(results, role, reference):
    node = results["vicreg"][reference][role]
    pair = (ANSWERS["vicreg"], ANSWERS[PAIRS[reference]])
    expected = slow.role_statistics(*pair, everybody(role), [20, 5])
    resampled = [slow.role_statistics(*pair, rows, [20, 5]) for rows in drawn(role)]
    n = len(everybody(role))
    for name, value in expected.items():
        if is_too_few(name):
            assert (node[name], node[f"{name}_ci95"]) == (None, None), name
            assert "not reported below 30" in node[f"{name}_reason"]
            continue
        assert node[name] == pytest.approx(value, abs=1e-6), name
        if name in SHARES:
            wilson = intervals.wilson(round(value * n), n)
            assert node[f"{name}_ci95"] == pytest.approx(wilson, abs=1e-6), name
        else:
            assert node[f"{name}_ci95"] == bounds([r[name] for r in resampled]), name
    assert node["n"] == n


@pytest.mark.parametrize("reference", PAIRS)
@pytest.mark.slow
def test_the_excess_resamples_each_set_on_its_own(results, reference):
    node = results["vicreg"][reference]["excess"]
    pair = (ANSWERS["vicreg"], ANSWERS[PAIRS[reference]])
    value = {r: slow.role_statistics(*pair, everybody(r), [20, 5]) for r in ("target", "control")}
    resampled = [
        (slow.role_statistics(*pair, a, [20, 5]), slow.role_statistics(*pair, c, [20, 5]))
        for a, c in zip(drawn("target"), drawn("control"), strict=True)
    ]
    for name in value["target"]:
        if is_too_few(name):
            assert node[name] is None
            assert "not reported below 30" in node[f"{name}_reason"]
            continue
        assert node[name] == pytest.approx(value["target"][name] - value["control"][name], abs=1e-6)
        assert node[f"{name}_ci95"] == bounds([a[name] - c[name] for a, c in resampled]), name
    share, other = (value[r]["memorized_share"] for r in ("target", "control"))
    assert node["estimated_precision"] == pytest.approx((share - other) / share, abs=1e-6)
    hits, others = (round(s * n) for s, n in ((share, N_TARGET), (other, N_CONTROL)))
    expected = intervals.precision(hits, N_TARGET, others, N_CONTROL)
    assert node["estimated_precision_ci95"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("percent", [1, 5])
@pytest.mark.parametrize("reference", PAIRS)
@pytest.mark.slow
def test_detection_at_few_false_positives_equals_the_slow_one(results, reference, percent):
    node = results["vicreg"][reference]["excess"]
    pair = (ANSWERS["vicreg"], ANSWERS[PAIRS[reference]])
    mine, others = slow.shares_above_cut(*pair, everybody("target"), everybody("control"), percent)
    assert node[f"memorized_share_at_fpr_{percent}"] == pytest.approx(mine, abs=1e-6)
    assert node[f"control_share_at_fpr_{percent}"] == pytest.approx(others, abs=1e-6)
    above, false = round(mine * N_TARGET), round(others * N_CONTROL)
    expected = intervals.clopper_pearson(above, N_TARGET)
    assert node[f"memorized_share_at_fpr_{percent}_ci95"] == pytest.approx(expected, abs=1e-6)
    expected = intervals.wilson(false, N_CONTROL)
    assert node[f"control_share_at_fpr_{percent}_ci95"] == pytest.approx(expected, abs=1e-6)
    if above:
        expected = intervals.precision(above, N_TARGET, false + 1, N_CONTROL + 1)
        found = node[f"estimated_precision_at_fpr_{percent}_ci95"]
        assert found == pytest.approx(expected, abs=1e-6)
    assert others <= percent / 100


def test_bias_is_the_control_score_and_the_distance_to_the_oracle(results):
    node = results["dino"]["classifier"]
    assert node["bias"]["control"] == node["control"]["dejavu_score"]
    expected = ANSWERS["oracle"][0][:N_TARGET].mean() - ANSWERS["classifier"][0][:N_TARGET].mean()
    assert node["bias"]["oracle"] == pytest.approx(expected, abs=1e-6)
    resampled = [
        np.mean(ANSWERS["oracle"][0][rows]) - np.mean(ANSWERS["classifier"][0][rows])
        for rows in drawn("target")
    ]
    assert node["bias"]["oracle_ci95"] == bounds(resampled)
    assert "oracle" not in results["dino"]["oracle"]["bias"]


def test_planted_samples_are_counted_among_target_samples_only(results):
    node = results["vicreg"]["classifier"]["target"]
    assert node["n_planted"] == PLANTED[:N_TARGET].sum()
    assert node["n_planted_other"] == N_TARGET - node["n_planted"]
    assert "planted_auroc" not in results["vicreg"]["classifier"]["control"]
    (_, unsure), (_, reference_unsure) = ANSWERS["vicreg"], ANSWERS["classifier"]
    confidence = (reference_unsure - unsure)[:N_TARGET]
    pairs = [
        (a > b) + (a == b) / 2
        for a in confidence[PLANTED[:N_TARGET]]
        for b in confidence[~PLANTED[:N_TARGET]]
    ]
    assert node["planted_auroc"] == pytest.approx(np.mean(pairs), abs=1e-6)
    expected = intervals.auroc_small(np.mean(pairs), node["n_planted"], node["n_planted_other"])
    assert node["planted_auroc_ci95"] == pytest.approx(expected, abs=1e-5)


def test_a_target_meets_its_own_second_model(results):
    for name in ("vicreg", "dino"):
        expected = ANSWERS[f"{name}_second"][0][:N_TARGET].mean()
        found = results[name]["second_model"]["target"]["reference_accuracy"]
        assert found == pytest.approx(expected, abs=1e-6)


def one(tmp_path, answers, *, n_target=10, n_control=10, **options):
    world = build(tmp_path, n_target=n_target, n_control=n_control, answers=answers, **options)
    with catalog.connect(world.data, settings=world.settings.tables()) as opened:
        return image_node(image_results(opened, world.settings))["vicreg"]


def test_without_control_there_is_no_excess_and_no_bias(tmp_path):
    answers = {"vicreg": noisy(1, 0.5, 10), "classifier": noisy(2, 0.5, 10)}
    node = one(tmp_path, answers, n_control=0)["classifier"]
    assert set(node) == {"target", "bias"}
    assert node["bias"] == {}


def test_an_empty_list_of_memorized_samples_has_no_precision(tmp_path):
    nobody = (np.zeros(20, dtype=bool), np.zeros(20))
    node = one(tmp_path, {"vicreg": nobody, "classifier": noisy(2, 0.5, 20)})["classifier"][
        "excess"
    ]
    assert node["estimated_precision"] is None
    assert node["estimated_precision_reason"] == "no target sample is on the list"
    assert node["cut_at_fpr_5"] is None
    assert node["memorized_share"] == 0


def test_a_precision_of_a_single_hit_has_a_wide_interval(tmp_path):
    rare = (np.arange(20) == 0, np.zeros(20))
    nobody = (np.zeros(20, dtype=bool), np.zeros(20))
    node = one(tmp_path, {"vicreg": rare, "classifier": nobody})["classifier"]["excess"]
    assert node["estimated_precision"] == 1
    low, high = node["estimated_precision_ci95"]
    assert low < -1
    assert high == 1


def test_nothing_planted_nothing_said(tmp_path):
    answers = {"vicreg": noisy(1, 0.5, 20), "classifier": noisy(2, 0.5, 20)}
    assert "planted_auroc" not in one(tmp_path, answers)["classifier"]["target"]


def test_a_corpus_without_known_truth_is_fine(tmp_path):
    answers = {"vicreg": noisy(1, 0.5, 20), "classifier": noisy(2, 0.5, 20)}
    node = one(tmp_path, answers, knows_truth=False)["classifier"]
    assert "planted_auroc" not in node["target"]
    assert "oracle" not in node["bias"]
