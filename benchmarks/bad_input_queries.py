"""Inputs of `benchmarks.bad_inputs` built after public reports on names, queries and what is printed."""

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from benchmarks.bad_input_world import told
from benchmarks.hostile_cases import Case
from dejavu import params
from dejavu.check import sections
from dejavu.commands import ask, formats
from dejavu.errors import ParamsError
from tests.paths import ROOT


def _printed(query: str, expected: dict[str, Any]) -> None:
    """Compare one row as JSON, which no reader may read as something else, with what it must be."""
    Path("data/image").mkdir(parents=True)
    pq.write_table(pa.table({"label_id": [0], "label": ["a"]}), "data/image/labels.parquet")
    rows = ask.rows(query, Path("data"), Path("none.yaml"))

    def refused(word: str) -> None:
        raise ValueError(word)

    found = json.loads(formats.json_text(rows), parse_constant=refused)
    csv, _ = formats.csv(rows)
    n_columns = len(csv.decode().splitlines()[0].split('","'))
    told(is_true=found == [expected] and n_columns == len(expected), n_counted=0)


def _name(name: Any, other: str | None = None) -> None:
    """Give a model a name; what the check refuses no run sees."""
    content = params.read(ROOT / "params.yaml")
    models = content["image"]["models"]
    models[name] = models["untrained"]
    if other is not None:
        models[other] = models["untrained"]
    with Path("params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    findings, _ = sections.read_all(Path("params.yaml"))
    wrong = [each.detail for each in findings if each.status == "wrong"]
    if wrong:
        with contextlib.suppress(IndexError):
            raise ParamsError(wrong[0])
    told(is_true=False, n_counted=0)


def queries() -> Iterator[Case]:
    """Kind F."""
    big = 9007199254740993
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "numbers beyond 2^53 (StarRocks 36)": (f"SELECT {big} AS n", {"n": big}),
        "no number in JSON (duckdb 17329)": (
            "SELECT 0.0::DOUBLE / 0 AS a, ['inf'::DOUBLE] AS b", {"a": None, "b": [None]},
        ),
        "names in two cases (aws-sdk-pandas 1119)": ("SELECT 1 AS a, 2 AS A", {"a": 1, "A_1": 2}),
        "a name that a repeated one would get (pandas 14704)": (
            "SELECT 1 AS x, 2 AS x, 3 AS x_1", {"x": 1, "x_2": 2, "x_1": 3},
        ),
        "decimals and dates (ragflow 12631)": (
            "SELECT 1.50::DECIMAL(9, 2) AS d, DATE '2024-02-29' AS t", {"d": 1.5, "t": "2024-02-29"},
        ),
    }  # fmt: skip
    for name, (query, expected) in cases.items():
        yield name, functools.partial(_printed, query, expected)
    for name, report in {
        "a/b": "FPSci 351", "qwen:3b": "videogamebench 8", "two words": "Mangio 168",
        "-x": "transformerlab 624",
        "con\n": "OpenSesame 14",
    }.items():  # fmt: skip
        yield f"a model called {name!r} ({report})", functools.partial(_name, name)
    yield "two names that differ in case (datacompy 74)", functools.partial(_name, "Clip", "clip")
