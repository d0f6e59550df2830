"""The tree shows the graph: light modules stay light, no package leans on itself through another."""

import graphlib
import json
import subprocess
import sys

import pytest

from dejavu import params
from dejavu.run import code, graph, syntax
from tests.paths import ROOT

LIGHT = ", ".join(
    f"dejavu.{name}"
    for name in (
        "tables.schemas", "tables.parquet", "params", "run.stage", "run.shards", "run.code_versions",
        "corpora.build", "caption.measure", "image.measure",
    )
)  # fmt: skip


@pytest.mark.parametrize("heavy", ["torch", "matplotlib", "faiss", "sklearn"])
@pytest.mark.slow
def test_the_light_modules_import_without(heavy):
    command = f"import sys, {LIGHT}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("heavy", ["pyarrow", "numpy"])
def test_the_stage_that_every_run_waits_for_starts_without(heavy):
    command = f"import sys, stages.inputs; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT).returncode == 0


def test_the_test_above_can_fail():
    command = "import sys, json; sys.exit('json' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command]).returncode == 1


# In a process of its own: the type checks of the tests make reading trees ten times as slow.
_READER = """
import json, pathlib, sys
from dejavu.run import syntax
files = map(pathlib.Path, json.load(sys.stdin))
json.dump([syntax.facts_of(file.read_text(encoding="utf-8"))["imports"] for file in files], sys.stdout)
"""


@pytest.fixture(scope="module")
def imports():
    """Return the modules of this project that each of them imports, lazily or not."""
    files = [file for name in syntax.PACKAGES for file in (ROOT / name).rglob("*.py")]
    names = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }
    read = subprocess.run(
        [sys.executable, "-c", _READER], cwd=ROOT, input=json.dumps([str(file) for file in names.values()]),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {}
    for module, pairs in zip(names, json.loads(read.stdout), strict=True):
        targets = {f"{a}.{b}" if f"{a}.{b}" in names else a for a, b in pairs}
        found[module] = targets - {module}
    return found


def circle(arrows):
    """Return a circle among the arrows of a graph, or None."""
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


@pytest.mark.slow
def test_no_module_imports_itself_through_others(imports):
    assert circle(imports) is None


@pytest.mark.slow
def test_no_package_imports_itself_through_others(imports):
    def package(module):
        return ".".join(module.split(".")[:2])

    arrows = {}
    for module, targets in imports.items():
        # The top package offers what others do, on use, and is asked for its version alone.
        others = {package(target) for target in targets} - {package(module), "dejavu"}
        arrows.setdefault(package(module), set()).update(others)
    assert circle(arrows) is None


def test_the_tests_above_see_a_circle():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) is not None


def test_few_modules_stand_outside_a_package():
    files = {file.stem for file in (ROOT / "dejavu").glob("*.py")}
    assert {"__init__", "cli", "errors", "roles"} <= files
    assert len(files) <= 6


def test_the_search_leans_on_few_modules():
    jobs = graph.jobs(graph.read(ROOT / "dvc.yaml"), params.read(ROOT / "params.yaml"))
    by_address = {job.address: job for job in jobs}
    for job in (by_address["neighbors@vicreg"], by_address["vote"]):
        assert len(code.running().closure(job.module, job.words)) <= 31
