"""`dejavu gate` lets a model pass only if its excess is shown to be small enough."""

import json
import re

import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.commands.boundary import DIFFERS
from dejavu.errors import ArtifactError, ParamsError
from dejavu.statistics.verdict import ERROR

ABOUT = {"schema_version": 1, "units": {}, "seed": 0, "resamples": 10, "interval": "95 %"}


def difference(value=0.01):
    return {"value": value, "ci95": [value - 0.02, value + 0.02], "se": 0.01, "p_one_sided": 0.2,
            "n_target": 500, "n_control": 500}  # fmt: skip


def model(word, upper, *, n_needed=None, reasons=()):
    return {
        "adjusted": difference(), "gap": difference(), "covariates": ["label"],
        "verdict": {"word": word, "text": word, "p_holm": 0.5, "upper": upper, "n_needed": n_needed},
        "control_check": {"is_closed": bool(reasons), "reasons": list(reasons)},
    }  # fmt: skip


def results(**models):
    return {"about": ABOUT, "image": {name: {} for name in models}, "caption": {},
            "calibrated": {"image": models}}  # fmt: skip


@pytest.fixture
def gate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("report: {tolerance: 5.0}\n")
    (tmp_path / "reports").mkdir()

    def run(found, *words):
        (tmp_path / "reports" / "results.json").write_text(json.dumps(found))
        return CliRunner().invoke(cli.app, ["gate", *words])

    return run


def test_a_small_upper_bound_passes(gate):
    done = gate(results(vicreg=model("at most", 0.031)))
    assert done.exit_code == 0, done.output
    assert "at most 3.1 points, 5 are allowed" in done.output
    assert "failed: 0 of 1" in done.output


def test_the_bounds_are_said_to_hold_for_all_models_together_and_at_which_level(gate):
    done = gate(results(vicreg=model("at most", 0.031), dino=model("at most", 0.02)))
    assert (
        f"for all models of the run together, with {100 * (1 - ERROR):g} % confidence"
        in done.stderr
    )
    assert "together" not in done.stdout  # rows and count alone are for a script


@pytest.mark.parametrize(
    ("found", "words", "why"),
    [
        (model("memorizes", 0.17), (), "memorizes: the excess is shown to be at most 17.0 points, 5 are"),
        (model("too few samples to tell", 0.08, n_needed=2100), (), "too few samples to tell: .*about 2,100"),
        (model("control differs", 0.01, reasons=["bytes differ"]), (), "control differs from target: bytes"),
        (model("at most", 0.031), ("--max-excess", "2"), "too few samples to tell: .*3.1 points, 2 are"),
        (model("control differs", 0.01), ("--max-excess", "100"), "control differs"),
    ],
)  # fmt: skip
def test_what_is_not_shown_to_be_small_fails_and_says_why(gate, found, words, why):
    done = gate(results(good=model("at most", 0.01), bad=found), *words)
    assert done.exit_code == DIFFERS
    assert re.search(why, done.output), done.output
    assert "failed: 1 of 2" in done.output


def test_the_upper_bound_decides_whatever_the_word(gate):
    found = results(a=model("too few samples to tell", 0.08), b=model("memorizes", 0.09))
    assert gate(found, "--max-excess", "10").exit_code == 0


def test_a_lane_without_control_or_with_too_few_samples_fails(gate):
    uncalibrated = results() | {"image": {"vicreg": {}}, "calibrated": {}}
    done = gate(uncalibrated, "--json")
    assert done.exit_code == DIFFERS
    assert "not calibrated" in json.loads(done.output)["models"][0]["why"]
    few = model("memorizes", 1)
    few |= {
        "adjusted": {"value": None, "reason": "a role has fewer than 10 groups"},
        "verdict": None,
    }
    done = gate(results(vicreg=few))
    assert done.exit_code == DIFFERS
    assert "fewer than 10 groups" in done.output


def test_json_has_stable_keys(gate):
    done = gate(results(vicreg=model("at most", 0.031)), "--json")
    told = json.loads(done.output)
    assert (told["passes"], told["max_excess_points"]) == (True, 5.0)
    assert set(told["models"][0]) == {"lane", "model", "passes", "upper_points", "why"}


def test_results_that_cannot_be_judged_are_an_error_not_a_pass(gate, tmp_path):
    assert isinstance(gate(results()).exception, ParamsError)  # no lane was measured
    assert isinstance(gate({"about": ABOUT}).exception, ArtifactError)  # of another version
    (tmp_path / "reports" / "results.json").unlink()
    done = CliRunner().invoke(cli.app, ["gate"])
    assert isinstance(done.exception, ArtifactError)
    assert "dvc repro" in str(done.exception)
