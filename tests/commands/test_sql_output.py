"""What `dejavu sql` prints: every value as what it is, every row, and nothing that is obeyed."""

import csv
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.commands import formats
from dejavu.text import FORMULA_STARTS
from tests.paths import ROOT

ESCAPE = "\x1b[31mred\x1b]0;title\x07\x9b2J"


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "image"
    folder.mkdir(parents=True)
    names = [f"label {i}" for i in range(1000)]
    names[:5] = [ESCAPE, "=1+1", "-0.5", "@x", "a\nb"]
    ids = pa.array(range(1000), pa.int32())
    pq.write_table(pa.table({"label_id": ids, "label": names}), folder / "labels.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(project):
    def invoke(*arguments):
        return CliRunner().invoke(cli.app, ["sql", *arguments], catch_exceptions=False)

    return invoke


JOIN = (
    "SELECT a.label_id, b.label_id FROM labels a, labels b WHERE a.label_id = 1 AND b.label_id = 2"
)


def test_a_join_shows_both_columns_of_one_name_in_every_format(run, project):
    assert json.loads(run(JOIN, "--json").stdout) == [{"label_id": 1, "label_id_1": 2}]
    assert run(JOIN, "--format", "csv").stdout == '"label_id","label_id_1"\n1,2\n'
    run(JOIN, "--out", "rows.parquet")
    assert pq.read_table(project / "rows.parquet").to_pylist() == [{"label_id": 1, "label_id_1": 2}]
    assert "label_id_1" in run(JOIN).stdout


def test_json_holds_numbers_as_numbers_and_no_nan(run):
    sql = (
        "SELECT sum(label_id) AS total, 1.5::DECIMAL(9, 3) AS d, 'nan'::DOUBLE AS n, '-inf'::FLOAT AS i, "
        "[1.0, 'nan'::DOUBLE] AS many, {'x': 'inf'::DOUBLE} AS s, 7::UHUGEINT AS u FROM labels"
    )
    text = run(sql, "--json").stdout

    def refuse(word):
        raise AssertionError(word)

    assert json.loads(text, parse_constant=refuse) == [
        {"total": 499500, "d": 1.5, "n": None, "i": None, "many": [1.0, None], "s": {"x": None}, "u": 7}
    ]  # fmt: skip


EVERY_KIND = (
    "SELECT INTERVAL 3 DAY AS span, '101'::BIT AS bits, uuid() AS id, MAP {'a': 1, 'b': 2} AS m, "
    "'\\xFF'::BLOB AS raw, TIME '10:00' AS t, TIMESTAMPTZ '2020-01-01' AS tz, union_value(n := 1) AS u, "
    "DATE '2020-01-01' AS d, "
    "'290000-01-01'::TIMESTAMP AS far, NULL AS nothing, TIMESTAMP_NS '2020-01-01 00:00:00.000000001' AS ns, "
    "[DATE '2020-01-01'] AS dates, 'x'::ENUM ('x', 'y') AS e, {'a': [1]} AS nested, 12::HUGEINT AS h"
)


def test_every_kind_of_value_is_shown_in_every_format(run, project):
    row = json.loads(run(EVERY_KIND, "--json").stdout)[0]
    assert row["span"] == "0 months 3 days 0 seconds"
    assert row["m"] == [["a", 1], ["b", 2]]
    assert row["raw"] == "ff"
    assert row["d"] == "2020-01-01"
    assert row["dates"] == ["2020-01-01"]
    assert row["h"] == 12
    cells = next(csv.DictReader(run(EVERY_KIND, "--format", "csv").stdout.splitlines()))
    assert cells["m"] == '[["a", 1], ["b", 2]]'
    assert cells["raw"] == "ff"
    assert cells["nothing"] == ""
    assert run(EVERY_KIND).exit_code == 0


def test_a_pipe_and_a_file_get_every_row(run, project, monkeypatch):
    for columns in (None, "80"):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns:
            monkeypatch.setenv("COLUMNS", columns)
        shown = run("SELECT label_id, label FROM labels").stdout.splitlines()
        assert len(shown) == 1000 + 2
        assert shown[-1].split() == ["999", "│", "label", "999"]
    monkeypatch.delenv("COLUMNS")
    assert "18, 19]" in run("SELECT range(20) AS many").stdout  # no list is shortened, either
    run("FROM labels", "--format", "table", "--out", "rows.txt")
    assert len((project / "rows.txt").read_text().splitlines()) == 1000 + 2


@pytest.mark.parametrize("columns", [None, "60"])
def test_the_list_is_a_line_each_in_a_pipe_and_nothing_of_it_is_shortened(
    run, project, monkeypatch, columns
):
    shutil.copy(ROOT / "params.yaml", project)
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    lines = run("--list").stdout.splitlines()
    views, queries = (
        lines.index("Views (--describe VIEW)"),
        lines.index("Named queries (--query NAME)"),
    )
    listed = json.loads(run("--list", "--json").stdout)
    assert [line.partition(":")[0].strip() for line in lines[views + 1 : queries]] == [
        *listed["views"]
    ]
    assert "  labels: lane varchar, label_id integer, label varchar" in lines
    told = dict(line.strip().split(": ", 1) for line in lines[queries + 1 : -1])
    assert told == listed["queries"]
    assert lines[-1].endswith(").")
    assert "…" not in "".join(lines)


@pytest.mark.slow
def test_nothing_is_obeyed_by_a_terminal(run):
    for arguments in (["FROM labels LIMIT 1"], ["FROM labels"], ["FROM labels", "--json"]):
        shown = run(*arguments).stdout
        assert not {"\x1b", "\x07", "\x9b"} & set(shown), arguments
    first = json.loads(run("FROM labels LIMIT 1", "--json").stdout)[0]
    assert first["label"] == ESCAPE  # the same value, written as an escape
    assert "\\x1b[31mred" in run("FROM labels LIMIT 1").stdout
    assert "a\\nb" in run("FROM labels LIMIT 5").stdout  # no value looks like a second row


@pytest.mark.slow
def test_csv_on_a_terminal_is_shown_and_in_a_file_is_the_data(project):
    command = [sys.executable, "-m", "dejavu.cli", "sql", "FROM labels LIMIT 1", "--format", "csv"]
    main, other = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, stdout=other, check=True, env=environment)
    os.close(other)
    assert b"\x1b" not in os.read(main, 10_000)
    os.close(main)
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert ESCAPE.encode() in done.stdout


def test_cells_that_a_spreadsheet_would_run_are_text(run):
    done = run(
        "SELECT label FROM labels WHERE label_id IN (1, 2, 3) ORDER BY label_id", "--format", "csv"
    )
    assert done.stdout == '"label"\n"\'=1+1"\n"-0.5"\n"\'@x"\n'
    assert "2 cells that a spreadsheet would run as formulas start with '" in done.stderr
    done = run("SELECT -1 AS \"=cmd\", ['=1'] AS many", "--format", "csv")
    assert done.stdout == '"\'=cmd","many"\n-1,"[""=1""]"\n'


@pytest.mark.parametrize("start", [*FORMULA_STARTS, " =", "\u00a0@", "\ufeff＝", "\u200b+"])
def test_no_start_of_a_formula_is_left_in_csv(start):
    rows = pa.table({f"{start}a": [f"{start}b", "c"], "n": [-1, None]})
    for column in (rows, rows.set_column(0, f"{start}a", rows[0].dictionary_encode())):
        content, n_changed = formats.csv(column)
        found = list(csv.reader(io.StringIO(content.decode(), newline="")))
        assert [row[0] for row in found] == [f"'{start}a", f"'{start}b", "c"]
        assert n_changed == 2


def test_csv_of_a_column_with_a_name_of_any_kind():
    table = pa.table({"a,b": [1], 'a"b': ["x"], "a\nb": [None]})
    text, _ = formats.csv(table)
    assert next(csv.reader(text.decode().splitlines(keepends=True)))[:2] == ["a,b", 'a"b']


LONG = (  # plans that look for an interrupt often, and rarely
    "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
    "SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000) b",
)


@pytest.mark.parametrize("sql", LONG)
@pytest.mark.slow
def test_ctrl_c_is_answered_within_a_second_in_one_line(project, sql):
    running = subprocess.Popen(
        [sys.executable, "-m", "dejavu.cli", "sql", sql],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(project)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not list(project.glob("dejavu-sql-*")):
        time.sleep(0.05)
        assert running.poll() is None
    time.sleep(1.0)
    started = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=30)
    assert time.monotonic() - started < 1.5  # a second, on a busy machine
    assert (running.returncode, told) == (130, "Stopped.\n")
    assert not list(project.glob("dejavu-sql-*"))
