"""`dejavu card`, `annex` and `compare`: what a finished run says to people who were not there."""

import json
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from dejavu import cli
from dejavu.errors import ParamsError
from tests.commands.test_gate import model, results
from tests.paths import ROOT

EVIL = "a|b\x1b[31m<script>alert(1)</script>"


def write(folder, **models):
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "results.json").write_text(json.dumps(results(**models)))
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Two models, without tables or provenance, outside Git."""
    write(
        tmp_path / "run",
        vicreg=model("memorizes", 0.17),
        dino=model("at most", 0.031, reasons=[EVIL]),
    )
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return lambda *words: CliRunner().invoke(cli.app, words)


def test_a_card_has_metadata_that_hugging_face_reads(run):
    done = run("card", "vicreg")
    assert done.exit_code == 0, done.output
    _, header, body = done.output.split("---\n", 2)
    (entry,) = yaml.safe_load(header)["model-index"]
    assert entry["name"] == "vicreg"
    (result,) = entry["results"]
    assert {"type", "name"} == set(result["task"]) == set(result["dataset"])
    assert [metric["value"] for metric in result["metrics"]] == [1.0, -1.0, 3.0]
    assert all({"type", "name", "value"} <= set(metric) for metric in result["metrics"])
    assert body.lstrip().startswith("## Memorization audit\n\n**memorizes.**")
    assert "+1.0 [-1.0, +3.0]" in body


def test_a_card_is_of_one_model(run, tmp_path):
    assert "name one of the models of this run: vicreg, dino" in str(run("card").exception)
    assert "Did you mean 'vicreg'" in str(run("card", "vicregg").exception)
    out = tmp_path / "README.md"
    assert run("card", "dino", "--out", str(out)).exit_code == 0
    again = run("card", "dino", "--out", str(out))
    assert isinstance(again.exception, ParamsError)
    assert "would be overwritten" in str(again.exception)


def test_texts_of_a_run_cannot_break_out_of_a_document(run):
    for words in (("card", "dino"), ("annex", "--release", EVIL)):
        told = run(*words).output
        assert "\x1b" not in told
        assert "<script>" not in told.replace(r"\<script", "")


def test_an_annex_says_what_was_run_what_was_not_and_that_it_is_no_compliance(run):
    told = run("annex", "--release", "encoder 2.1").output
    headings = [line[3:] for line in told.splitlines() if line.startswith("## ")]
    assert headings == [
        "1. Release context", "2. What was run", "3. What was found", "4. What was not run", "5. Data",
        "6. Limits", "7. Check it",
    ]  # fmt: skip
    assert "not a statement of compliance" in told
    assert "encoder 2.1" in told
    assert "| image | vicreg | memorizes | +1.0 [-1.0, +3.0] | +17.0 | 500, 500 |" in told
    assert "not under Git" in told
    assert "reports/results.json" in told


def test_commit_and_date_stand_in_card_and_annex_alone(run, tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "run"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    commit = head.stdout.strip()
    assert f"commit {commit}, 2" in run("card", "vicreg").output
    (tmp_path / "run" / "params.yaml").write_text((ROOT / "params.yaml").read_text() + "\n")
    assert f"{commit}, with changes that are not committed" in run("annex").output
    assert commit not in run("compare", ".", ".").output


def test_two_runs_are_compared_model_by_model(run, tmp_path):
    other = model("at most", 0.02)
    other["adjusted"] = other["adjusted"] | {"value": 0.03}
    write(tmp_path / "other", vicreg=other, new=model("memorizes", 0.2))
    told = json.loads(run("compare", ".", str(tmp_path / "other" / "reports"), "--json").output)
    by_name = {row["model"]: row for row in told}
    assert by_name["vicreg"]["change_points"] == pytest.approx(2.0)
    assert (by_name["vicreg"]["verdict_a"], by_name["vicreg"]["verdict_b"]) == (
        "memorizes",
        "at most",
    )
    assert by_name["dino"]["verdict_b"] is None
    assert by_name["new"]["excess_a_points"] is None
    shown = run("compare", ".", str(tmp_path / "other")).output
    assert "verdicts that differ: 3 of 3" in shown


def test_a_page_of_a_comparison_needs_no_script(run, tmp_path):
    page = tmp_path / "compared.html"
    assert run("compare", ".", ".", "--page", str(page)).exit_code == 0
    text = page.read_text()
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert "<td>vicreg</td>" in text
