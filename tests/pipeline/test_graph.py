"""dvc.yaml must agree with the code it runs."""

import ast
import re

import pytest

from dejavu import params
from dejavu.run import dvc_lock, graph
from tests.paths import ROOT

TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
GRAPH = graph.read(ROOT / "dvc.yaml")
STAGES = {name: graph.body(stage) for name, stage in GRAPH.items()}
JOBS = list(graph.jobs(GRAPH, params.read(ROOT / "params.yaml")))
FIRST = "inputs"  # always runs, and writes what tells the others that code or files changed


def script_of(name):
    return ROOT / (graph.script(name, GRAPH[name]).replace(".", "/") + ".py")


def test_it_can_be_read_at_a_sitting_and_lists_no_module():
    assert len(TEXT.splitlines()) <= 330
    assert not re.findall(r"^\s*-? ?(?:dejavu|stages)/", TEXT, re.MULTILINE)
    assert ".py" not in TEXT


# What reads params.yaml for a stage's script and for a command alike
READ_ELSEWHERE = {"report": [ROOT / "dejavu/report/from_params.py"]}


@pytest.mark.parametrize("name", [name for name in STAGES if name != FIRST])
def test_every_stage_depends_on_its_own_code(name):
    per_entry = {"foreach": "/${key}", "matrix": "/${item.lane}"}
    entry = next((text for kind, text in per_entry.items() if kind in GRAPH[name]), "")
    assert [dep for dep in STAGES[name]["deps"] if dep.startswith("data/code/")] == [
        f"data/code/{name}{entry}.txt"
    ]


def test_the_first_stage_always_runs():
    assert STAGES[FIRST]["always_changed"]


@pytest.mark.parametrize("name", STAGES)
def test_what_params_yaml_names_is_quoted_for_the_shell(name):
    words = re.findall(r"\S*\$\{\S*", STAGES[name]["cmd"])
    assert all(re.fullmatch(r"'[^']*'", word) for word in words), words


def test_jobs_are_the_stages_and_entries_that_dvc_makes():
    addresses = {job.address for job in JOBS}
    assert {
        "inputs",
        "corpus@image",
        "split@caption",
        "embed@vicreg",
        "clip@minilm",
        "vote",
    } <= addresses
    assert {job.words for job in JOBS if job.address == "encoder@vicreg"} == {
        frozenset({"trained"})
    }
    assert {job.words for job in JOBS if job.address == "corpus@image"} == {frozenset({"glyphs"})}


def test_the_record_lists_no_stage_that_is_gone():
    """DVC keeps what it noted of them, and reads and writes all of it at every stage."""
    assert dvc_lock.stages(ROOT / "dvc.lock").keys() <= {job.address for job in JOBS}


@pytest.mark.parametrize("name", STAGES)
def test_machine_settings_never_invalidate_results(name):
    assert not [p for p in STAGES[name].get("params", []) if p.split(".")[0] == "machine"]


@pytest.mark.parametrize("name", [name for name in STAGES if name != FIRST])  # it always runs
def test_tracked_params_are_the_ones_the_script_reads(name):
    lanes = GRAPH[name].get("foreach")  # entries that stand in dvc.yaml itself are spelled out
    keys = lanes if isinstance(lanes, dict) else ["${key}"]
    texts = [text.replace("${key}", key) for text in STAGES[name].get("params", []) for key in keys]
    tracked = {_pattern(text) for text in texts}
    files = [script_of(name), *READ_ELSEWHERE.get(name, [])]
    read = {p for file in files for p in _sections_read(file) if p != "machine"}
    assert tracked == read


@pytest.mark.parametrize("name", STAGES)
def test_every_flag_of_the_command_is_a_flag_of_the_script(name):
    flags = set(re.findall(r"--([a-z-]+)", STAGES[name]["cmd"]))
    tree = ast.parse(script_of(name).read_text(encoding="utf-8"))
    main = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    assert flags == {argument.arg.replace("_", "-") for argument in main.args.kwonlyargs}


@pytest.mark.parametrize("name", STAGES)
def test_every_path_of_the_command_is_a_dep_or_an_out(name):
    body = STAGES[name]
    known = list(body.get("deps", []))
    for kind in ("outs", "metrics", "plots"):
        known += [out if isinstance(out, str) else next(iter(out)) for out in body.get(kind, [])]
    for path in re.findall(r"(?:data|reports)/[^\s']+", body["cmd"]):
        assert any(path == k or k.startswith(path + "/") for k in known), path


def _pattern(text: str) -> str:
    return re.sub(r"\$\{[^}]*\}", "*", text)


def _sections_read(script) -> set[str]:
    """Return the section names in `params.section(path, NAME, Schema)` calls, `*` for what varies."""
    names = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] != "section":
            continue
        name = node.args[1]
        if isinstance(name, ast.Constant):
            names.add(name.value)
        else:
            names.add("".join(p.value if isinstance(p, ast.Constant) else "*" for p in name.values))
    return names


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_is_called_by_its_settings_inputs_and_out(name):
    (main,) = (
        node for node in ast.parse(script_of(name).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    )  # fmt: skip
    calls = [
        node.value for node in ast.walk(main)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]  # fmt: skip
    works = [call for call in calls if any(word.arg == "out" for word in call.keywords)]
    assert works
    for call in works:
        assert not call.args
        assert {word.arg for word in call.keywords} <= {"settings", "inputs", "out"}
    passing = [ast.unparse(call) for call in calls if call not in works]
    assert all(text.startswith(("out.", "lanes.", "Path(")) for text in passing), passing
