import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dejavu import __version__, cli
from dejavu.errors import ArtifactError, ParamsError, QueryError
from dejavu.run import progress
from tests.paths import ROOT
from tests.report.world import build

SUMMARY = (
    "# Déjà vu\n\nintroduction\n\n## Answer\n\n**vicreg** memorized\n\n## Definitions\n\nwords\n"
)
PARAMS = ROOT / "params.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    answers = {
        "vicreg": (np.ones(40, dtype=bool), np.zeros(40)),
        "classifier": (np.arange(40) % 2 == 0, np.ones(40)),
    }
    build(folder / "data", n_target=20, n_control=20, answers=answers)
    (folder / "reports").mkdir()
    (folder / "reports" / "summary.md").write_text(SUMMARY)
    (folder / "reports" / "metrics.json").write_text('{"vicreg": {"excess_classifier": 0.2}}')
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


@pytest.mark.slow
def test_formats(run, tmp_path):
    sql = "SELECT label_id, label, [1, 2] AS numbers FROM labels ORDER BY 1 LIMIT 1"
    assert json.loads(run("sql", sql, "--format", "json").stdout) == [
        {"label_id": 0, "label": "label 0", "numbers": [1, 2]}
    ]
    assert run("sql", sql, "--format", "csv").stdout.splitlines()[1] == '0,"label 0","[1, 2]"'
    run("sql", sql, "--format", "parquet", "--out", str(tmp_path / "rows.parquet"))
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 1
    piped = run("sql", sql, "--format", "parquet").stdout_bytes
    assert piped == (tmp_path / "rows.parquet").read_bytes()
    run("sql", sql, "--out", str(tmp_path / "rows.csv"))  # the ending says which format
    assert (tmp_path / "rows.csv").read_text().startswith('"label_id"')
    assert run("sql", sql, "--json").stdout == run("sql", sql, "--format", "json").stdout


def test_a_pipe_gets_whole_rows_and_a_narrow_terminal_gets_them_below_each_other(run, monkeypatch):
    statement = "SELECT repeat('x', 150) AS long, '[red]a[/red]' AS markup"
    monkeypatch.delenv("COLUMNS")
    shown = run("sql", statement).stdout
    assert "x" * 150 in shown
    assert "[red]a[/red]" in shown
    assert "\x1b" not in shown
    monkeypatch.setenv("COLUMNS", "200")
    assert "│" in run("sql", statement).stdout
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("sql", statement).stdout
    assert "row 1" in narrow
    assert "│" not in narrow


def test_a_pipe_of_a_ci_that_forces_colors_gets_whole_rows(run, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert "x" * 150 in run("sql", "SELECT repeat('x', 150) AS long").stdout


def test_a_view_is_described_with_units(run):
    shown = " ".join(run("sql", "--describe", "image_scores").stdout.split())
    assert "memorization_confidence │ DOUBLE │ nats" in shown
    described = json.loads(run("sql", "--describe", "image_scores", "--json").stdout)
    assert {"column", "type", "unit", "meaning"} == set(described["columns"][0])


def test_named_queries_know_the_parameters(run):
    shown = run("sql", "--query", "image_scores_at_percent", "--format", "json").stdout
    assert {row["percent"] for row in json.loads(shown)} == {5, 20}


@pytest.mark.slow
def test_the_list_names_views_columns_and_queries(run):
    shown = run("sql", "--list").stdout
    listed = json.loads(run("sql", "--list", "--json").stdout)
    assert listed["views"]["labels"] == {
        "lane": "VARCHAR",
        "label_id": "INTEGER",
        "label": "VARCHAR",
    }
    for word in (
        "image_scores",
        "memorization_confidence double",
        "image_score_counts",
        "how often each is right",
    ):
        assert word in " ".join(shown.split()), word


def test_one_thing_to_run_is_needed(run):
    with pytest.raises(ParamsError, match="Give one of"):
        run("sql")
    with pytest.raises(ParamsError, match=r"end the name in \.csv"):
        run("sql", "FROM labels", "--out", "rows.txt")
    with pytest.raises(ParamsError, match="Did you mean 'samples'"):
        run("sql", "--describe", "sample")
    with pytest.raises(QueryError, match="Views: "):
        run("sql", "SELEC 1")


def test_the_summary_opens_with_the_answer(run):
    shown = run("summary").stdout
    assert "**vicreg**" in shown
    assert "summary.md" in shown
    assert "Definitions" not in shown
    assert "Definitions" in run("summary", "--full").stdout
    told = json.loads(run("summary", "--json").stdout)
    assert told["headline"] == {"vicreg": {"excess_classifier": 0.2}}
    assert told["files"] == {"report": "reports/summary.md"}


def test_the_summary_names_the_page_where_there_is_one(run, project):
    assert "index.html" not in run("summary").stdout
    page = project / "reports" / "index.html"
    page.write_text("<p>")
    assert "page: reports/index.html" in run("summary").stdout
    page.unlink()


@pytest.fixture
def opened(monkeypatch):
    """What the browser was asked to open."""
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda url: asked.append(url) or True)
    return asked


def test_the_page_is_named_and_opened_on_request(run, project, opened, monkeypatch):
    with pytest.raises(ArtifactError, match="Run `dvc repro`"):
        run("report", "--open")
    page = project / "reports" / "index.html"
    page.write_text("<p>")
    assert run("report").stdout == "reports/index.html\n"
    assert not opened
    assert json.loads(run("report", "--json").stdout) == {
        "page": "reports/index.html",
        "n_bytes": 3,
    }
    run("report", "--open")
    assert opened == [page.as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    with pytest.raises(ArtifactError, match="Open the file yourself"):
        run("report", "--open")
    page.unlink()


def test_mistakes_end_without_traceback(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dejavu", "summary", "--reports", "nowhere"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: ")
    assert "Run `dvc repro`" in told


@pytest.mark.parametrize("name", [command.name for command in cli.app.registered_commands])
def test_every_command_teaches(run, name):
    shown = run(name, "--help").stdout
    assert "Examples" in shown
    assert f"dejavu {name}" in shown


def test_the_top_says_what_exit_codes_mean_and_which_version_this_is(run):
    assert "Exit codes" in run("--help").stdout
    assert run("--version").stdout == f"dejavu {__version__}\n"


def test_a_misspelled_command_is_a_usage_error(run):
    done = run("sumary")
    assert done.exit_code == 2
    assert "summary" in done.output


def test_quiet_leaves_results_only(run, monkeypatch, tmp_path):
    monkeypatch.setenv(progress.QUIET, "")
    loud = run("sql", "FROM labels", "--out", str(tmp_path / "rows.csv"))
    assert "4 rows in" in loud.stderr
    quiet = run("--quiet", "sql", "FROM labels", "--out", str(tmp_path / "rows.csv"))
    assert quiet.stderr == ""
    assert list(progress.track(range(3), what="x")) == [0, 1, 2]


def log(folder, stage, seconds):
    facts = {
        "stage": stage,
        "seconds": seconds - 0.5,  # without the start of Python
        "cpu_seconds": 0.5,
        "process_seconds": float(seconds),
        "process_cpu_seconds": 2.0 * seconds,
        "peak_mib": 100 + seconds,
        "cores": 2,
        "load": 3.1 if stage == "retrieve@minilm" else 3.0,
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
        ("clip@clip_second", 40), ("embed_captions@clip_second", 4), ("retrieve@clip_second", 1),
        ("clip@minilm", 3), ("embed_captions@minilm", 2), ("retrieve@minilm", 1),
    ):  # fmt: skip
        log(logs, stage, seconds)
    lines = run("cost").stdout.splitlines()
    assert "| image | two models: second_model | vicreg | 66.0 | 132.0 | 160 | – |" in lines
    assert "| image | one model: classifier | any | 20.0 | 40.0 | 120 | – |" in lines
    assert (
        "| image | one model: naive_bayes | any | 3.0 | 6.0 | 102 | tag_crops@visual_words |"
        in lines
    )
    assert "| caption | two models: second_model | clip | 45.0 | 90.0 | 140 | – |" in lines
    assert "| caption | one model: minilm | any | 6.0 | 12.0 | 103 | – |" in lines
    assert lines[-1] == (
        "The machine was loaded while 1 stages ran (retrieve@minilm): compare CPU seconds, not wall seconds."
    )
    assert (project / "reports" / "cost.csv").is_file()
    rows = json.loads(run("cost", "--json").stdout)
    assert {(row["lane"], row["target"]) for row in rows if "second" in row["test"]} == {
        ("image", "vicreg"), ("image", "barlow_twins"), ("image", "dino"), ("caption", "clip"),
    }  # fmt: skip
