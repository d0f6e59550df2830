"""Help comes at once: what a command works with is imported when it runs, not when it is listed."""

import json
import subprocess
import sys

import pyarrow as pa
import pytest

from dejavu.commands import ask
from dejavu.tables import schemas
from tests.paths import ROOT

HEAVY = {
    "numpy", "scipy", "sklearn", "pandas", "pyarrow", "duckdb", "torch", "torchvision", "faiss", "timm",
    "open_clip", "sentence_transformers", "transformers", "PIL", "matplotlib", "altair", "numba", "dvc",
    "pydantic", "pydantic_core", "ruamel", "yaml", "filelock", "psutil", "http", "urllib3", "jinja2",
    "asyncio",
}  # fmt: skip
# pyarrow and DuckDB import pandas where it is installed
OF_TABLES = {"numpy", "pyarrow", "duckdb", "asyncio", "pydantic", "pydantic_core", "pandas"}
OF_SETTINGS = {"ruamel"}  # named queries take names from params.yaml

LIST = (
    "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
)


def modules_after(code, tmp_path):
    """Return the top packages that a new Python holds after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\ntry:\n    {code}\nfinally:\n    {LIST}"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    return set(json.loads(done.stderr.splitlines()[-1])), done


def test_importing_the_command_line_is_cheap(tmp_path):
    loaded, _ = modules_after("import dejavu.cli", tmp_path)
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["sql", "--help"], ["check", "-h"]])
@pytest.mark.slow
def test_help_is_cheap(tmp_path, words):
    loaded, done = modules_after(f"import dejavu.cli; dejavu.cli.app({words!r})", tmp_path)
    assert done.returncode == 0
    assert done.stdout
    of_typer = {"asyncio", "pydantic", "pydantic_core"} if len(words) > 1 else set()
    assert not loaded & (HEAVY - of_typer)


@pytest.mark.parametrize(
    ("statement", "of_settings"), [("FROM labels", set()), ("FROM targets LIMIT 0", OF_SETTINGS)]
)
@pytest.mark.slow
def test_a_question_to_tables_loads_no_network_and_no_chart(tmp_path, statement, of_settings):
    code = (
        f"import dejavu.cli; dejavu.cli.app(['sql', {statement!r}, '--params', 'p.yaml', '--json'])"
    )
    (tmp_path / "p.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "data" / "image").mkdir(parents=True)
    rows = pa.table({"label_id": pa.array([0], pa.int32()), "label": ["gull"]})
    schemas.LABELS.write(rows, tmp_path / "data" / "image" / "labels.parquet", inputs={})
    loaded, done = modules_after(code, tmp_path)
    assert len(json.loads(done.stdout)) == (statement == "FROM labels")
    assert not loaded & (HEAVY - OF_TABLES - of_settings)


def test_every_table_of_settings_is_known_by_name():
    assert set(ask._settings(ROOT / "params.yaml")) == set(ask.SETTINGS)


def test_the_tests_above_can_fail(tmp_path):
    assert "numpy" in modules_after("import numpy", tmp_path)[0]
