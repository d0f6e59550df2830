import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.errors import ArtifactError, ParamsError, QueryError
from tests.report.world import build, report

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    answers = {
        "vicreg": (np.ones(40, dtype=bool), np.zeros(40)),
        "classifier": (np.arange(40) % 2 == 0, np.ones(40)),
    }
    world = build(folder / "data", n_target=20, n_control=20, answers=answers)
    report(world, folder / "reports")
    shutil.copy(PARAMS, folder / "params.yaml")
    return folder


@pytest.fixture
def run(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments):
        return CliRunner().invoke(cli.app, arguments, catch_exceptions=False)

    return invoke


def test_a_statement_prints_a_table(run):
    shown = run(
        "sql", "SELECT role, count(*) AS n FROM image_scores GROUP BY role ORDER BY role"
    ).stdout
    assert "control" in shown
    assert "40" in shown  # 20 samples against the classifier and the consensus


def test_formats(run, tmp_path):
    sql = "SELECT label_id, label, [1, 2] AS numbers FROM labels ORDER BY 1 LIMIT 1"
    assert json.loads(run("sql", sql, "--format", "json").stdout) == [
        {"label_id": 0, "label": "label 0", "numbers": [1, 2]}
    ]
    assert run("sql", sql, "--format", "csv").stdout.splitlines()[1] == '0,"label 0","[1, 2]"'
    run("sql", sql, "--format", "parquet", "--out", str(tmp_path / "rows.parquet"))
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 1
    run("sql", sql, "--format", "csv", "--out", str(tmp_path / "rows.csv"))
    assert (tmp_path / "rows.csv").read_text().startswith('"label_id"')


def test_named_queries_know_the_parameters(run):
    shown = run("sql", "--query", "image_scores_at_percent", "--format", "json").stdout
    assert {row["percent"] for row in json.loads(shown)} == {5, 20}


def test_the_list_names_views_columns_and_queries(run):
    shown = run("sql", "--list").stdout
    for word in (
        "image_scores",
        "memorization_confidence double",
        "image_excess",
        "Nobody trained on",
    ):
        assert word in " ".join(shown.split()), word


def test_one_thing_to_run_is_needed(run):
    with pytest.raises(ParamsError, match="Give one of"):
        run("sql")
    with pytest.raises(ParamsError, match="add --out"):
        run("sql", "FROM labels", "--format", "parquet")
    with pytest.raises(QueryError, match="Views: "):
        run("sql", "SELEC 1")


def test_the_summary_opens_with_the_answer(run):
    shown = run("summary").stdout
    assert "**vicreg**" in shown
    assert "summary.md" in shown
    assert "Definitions" not in shown
    assert "Definitions" in run("summary", "--full").stdout


def test_mistakes_end_without_traceback(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dejavu", "summary", "--reports", "nowhere"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert "Run `dvc repro`" in str(caught.value.code)


def log(folder, stage, seconds):
    facts = {
        "stage": stage,
        "seconds": float(seconds),
        "cpu_seconds": 2.0 * seconds,
        "peak_mib": 100 + seconds,
    }
    (folder / f"{stage}.json").write_text(json.dumps(facts))


def test_cost_sums_the_stages_that_a_test_needs(run, project):
    with pytest.raises(ArtifactError, match="no logs of stages"):
        run("cost", "--logs", "nowhere")
    logs = project / "logs"
    logs.mkdir(exist_ok=True)
    for stage, seconds in (
        ("encoder@vicreg_second", 60), ("embed@vicreg_second", 5), ("neighbors@vicreg_second", 1),
        ("classifier@classifier", 20), ("tag_crops@corpus", 2), ("naive_bayes", 1),
    ):  # fmt: skip
        log(logs, stage, seconds)
    lines = run("cost").stdout.splitlines()
    assert "| two models: second_model | vicreg | 66.0 | 132.0 | 160 | – |" in lines
    assert "| one model: classifier | any | 20.0 | 40.0 | 120 | – |" in lines
    assert "| one model: naive_bayes | any | 3.0 | 6.0 | 102 | tag_crops@visual_words |" in lines
    assert (project / "reports" / "cost.csv").is_file()
