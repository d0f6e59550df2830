"""The calibrated numbers of a report, and the word that follows from them."""

import dataclasses
import json

import numpy as np
import pytest

from dejavu.errors import ArtifactError
from dejavu.params.report import check_covariates
from dejavu.report.image.attacked import Attacked, chosen, require_same
from tests.report.world import build, report, target

pytestmark = pytest.mark.slow  # they share a report, which takes seconds

N = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that is right on 60 % of target and 20 % of control; one that is right on 20 % of both."""
    rng = np.random.default_rng(0)
    is_target = np.arange(N) < N // 2
    rates = {
        "vicreg": np.where(is_target, 0.6, 0.2), "vicreg_second": 0.2,
        "vicreg_backbone": 0.2, "vicreg_second_backbone": 0.2, "dino": 0.2, "dino_second": 0.2,
        "classifier": 0.2, "naive_bayes@1": 0.2, "naive_bayes@5": 0.2, "oracle": 0.3,
    }  # fmt: skip
    answers = {name: (rng.random(N) < rate, rng.random(N)) for name, rate in rates.items()}
    targets = [
        target(),
        target("vicreg_backbone", "vicreg_second_backbone", layer="backbone", is_headline=False),
        target("dino", "dino_second"),
    ]
    world = build(
        tmp_path_factory.mktemp("world"), n_target=N // 2, n_control=N // 2, answers=answers, targets=targets,
        consensus_of=["classifier"],
    )  # fmt: skip
    return report(world, tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_only_headline_settings_get_a_word(results):
    found = results["calibrated"]["image"]
    assert {name for name, node in found.items() if "verdict" in node} == {"vicreg", "dino"}
    assert "adjusted" in found["vicreg_backbone"]


def test_the_word_follows_the_numbers(results):
    found = results["calibrated"]["image"]
    assert found["vicreg"]["verdict"]["word"] == "memorizes"
    assert found["vicreg"]["adjusted"]["ci95"][0] > 0.2
    assert found["dino"]["verdict"]["word"] in {"at most", "too few samples to tell"}
    if found["dino"]["verdict"]["word"] == "too few samples to tell":
        assert found["dino"]["verdict"]["n_needed"] > N // 2


def test_unadjusted_and_gap_are_the_plain_differences(results):
    node = results["calibrated"]["image"]["vicreg"]
    old = results["image"]["vicreg"]
    for reference in ("classifier", "consensus", "oracle", "second_model"):
        expected = old[reference]["excess"]["dejavu_score"]
        assert node["excess_unadjusted"][reference]["value"] == pytest.approx(expected, abs=2e-6)
    expected = old["oracle"]["excess"]["target_accuracy"]
    assert node["gap"]["value"] == pytest.approx(expected, abs=2e-6)


def test_covariates_are_named_and_know_neither_oracle_nor_second_model(results):
    names = results["calibrated"]["image"]["vicreg"]["covariates"]
    assert "classifier is right" in names
    assert "naive_bayes@5 is right" in names
    assert not [name for name in names if "oracle" in name or "second" in name or "@1" in name]


def test_covariates_of_every_annotator_are_chosen():
    known = {"naive_bayes@5", "naive_bayes_words@5", "naive_bayes@1", "oracle"}
    assert chosen(["classifier", "naive_bayes@5"], known) == [
        "naive_bayes@5",
        "naive_bayes_words@5",
    ]


@pytest.mark.parametrize("column", ["sample_id", "is_target", "group", "label_id"])
def test_guesses_for_other_samples_are_not_compared(column):
    ids = np.arange(4)
    one = Attacked(
        sample_id=ids,
        is_target=ids > 1,
        label_id=ids,
        group=ids,
        is_correct=ids * 0.5,
        p_truth=None,
    )
    require_same(one, dataclasses.replace(one, is_correct=1.0 * ids), ("vicreg", "dino"))
    other = dataclasses.replace(one, **{column: getattr(one, column)[::-1].copy()})
    with pytest.raises(ArtifactError, match="'dino' guesses for other samples than 'vicreg'"):
        require_same(one, other, ("vicreg", "dino"))


def test_an_oracle_is_no_covariate():
    with pytest.raises(ValueError, match="names oracle"):
        check_covariates(("classifier", "oracle"))


def test_the_same_word_stands_in_summary_page_and_metrics(folder, results):
    metrics = json.loads((folder / "metrics.json").read_text())
    summary = (folder / "summary.md").read_text()
    page = (folder / "index.html").read_text()
    for name, title in (("vicreg", "VICReg"), ("dino", "DINO")):
        word = results["calibrated"]["image"][name]["verdict"]["text"]
        assert metrics[name]["verdict"] == word
        assert f"- **{name}: {word}.** {title} has an adjusted excess of" in summary
        assert f">{word}</p>" in page


def test_no_difference_of_rates_is_called_a_share_of_images(folder):
    for name in ("summary.md", "index.html"):
        assert "memorized 4" not in (folder / name).read_text()
        assert "of the 200 audited images beyond" not in (folder / name).read_text()


def test_an_empty_list_says_how_many_control_samples_would_do(results):
    for name in ("vicreg", "dino"):
        found = results["calibrated"]["image"][name]["list"]
        assert (found["n_target"], found["n_control"]) == (N // 2, N // 2)
        assert (found["n_listed"] == 0) == (found["n_control_needed"] is not None)


def test_the_blind_baseline_says_what_it_knows(results):
    check = results["calibrated"]["image"]["vicreg"]["control_check"]["blind_baseline"]
    assert {"label", "crop area"} <= set(check["looked_at"])
    assert check["left_out"]["mean color"] == "the images are not here"
    assert check["left_out"]["tags"] == "no annotator"


@pytest.mark.parametrize(
    ("factor", "is_closed"), [(1.0, False), (1.3, True)], ids=["alike", "larger files"]
)
def test_a_control_set_of_other_files_gets_no_other_word(tmp_path, factor, is_closed):
    """The references guess both roles alike, so that the covariates say nothing: bytes do."""
    rng = np.random.default_rng(1)
    is_target = np.arange(N) < N // 2
    answers = {
        name: (rng.random(N) < rate, rng.random(N))
        for name, rate in {"vicreg": np.where(is_target, 0.6, 0.2), "classifier": 0.2}.items()
    }
    n_bytes = (rng.lognormal(9, 0.3, N) * np.where(is_target, 1.0, factor)).astype(np.int64)
    world = build(
        tmp_path / "world", n_target=N // 2, n_control=N // 2, answers=answers, n_bytes=n_bytes,
        references=["classifier"],
    )  # fmt: skip
    found = json.loads((report(world, tmp_path / "reports") / "results.json").read_text())
    node = found["calibrated"]["image"]["vicreg"]
    check = node["control_check"]
    assert check["joint_test"]["p"] > 0.01
    assert check["is_closed"] == is_closed, check
    assert node["verdict"]["word"] == ("control differs" if is_closed else "memorizes")


def test_every_excess_has_a_p_value(results):
    for references in results["image"].values():
        for node in references.values():
            assert 0 <= node["excess"]["dejavu_score_p_one_sided"] <= 1
    node = results["image"]["vicreg"]["classifier"]["excess"]
    same = results["calibrated"]["image"]["vicreg"]["excess_unadjusted"]["classifier"]
    assert node["dejavu_score_p_one_sided"] == same["p_one_sided"]


def test_an_empty_list_says_what_it_would_take(results, folder):
    found = results["calibrated"]["image"]["dino"]["list"]
    assert (found["n_listed"], found["n_control_needed"]) == (0, pytest.approx(2000, abs=2000))
    text = (folder / "summary.md").read_text()
    needed = f"{found['n_control_needed']:,}"
    assert f"- dino: 0 of 200 target samples; with {needed} control samples" in text
