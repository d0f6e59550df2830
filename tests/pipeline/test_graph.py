"""dvc.yaml must agree with the code it runs."""

import ast
import re

import pytest
from ruamel.yaml import YAML

from dejavu import params
from scripts.sync_deps import ROOT, code_deps, imported_files, is_code, script_of, stage_bodies

GRAPH = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = stage_bodies(GRAPH)
PARAMS = params.read(ROOT / "params.yaml")


@pytest.mark.parametrize("name", STAGES)
def test_deps_equal_the_imports(name):
    declared = {dep for dep in STAGES[name].get("deps", []) if is_code(dep)}
    needed = set(code_deps(script_of(STAGES[name])))
    assert declared == needed, "run `python -m scripts.sync_deps`"


def test_the_test_above_sees_lazy_and_indirect_imports(tmp_path):
    package = tmp_path / "dejavu"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text('REGISTRY = {"b": "dejavu.b:load"}\n')
    (package / "b.py").write_text("def load():\n    from dejavu import c\n")
    (package / "c.py").write_text("")
    (package / "d.py").write_text("")
    script = tmp_path / "stage.py"
    script.write_text("from dejavu import a\n")
    names = {file.name for file in imported_files(script, tmp_path)}
    assert names == {"stage.py", "__init__.py", "a.py", "b.py", "c.py"}


@pytest.mark.parametrize("name", STAGES)
def test_machine_settings_never_invalidate_results(name):
    assert not [p for p in STAGES[name].get("params", []) if p.split(".")[0] == "machine"]


@pytest.mark.parametrize("name", STAGES)
def test_tracked_params_are_the_ones_the_script_reads(name):
    tracked = {_pattern(text) for text in STAGES[name].get("params", [])}
    read = {p for p in _sections_read(script_of(STAGES[name])) if p != "machine"}
    assert tracked == read


@pytest.mark.parametrize("name", STAGES)
def test_every_flag_of_the_command_is_a_flag_of_the_script(name):
    flags = set(re.findall(r"--([a-z-]+)", STAGES[name]["cmd"]))
    tree = ast.parse(script_of(STAGES[name]).read_text(encoding="utf-8"))
    main = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    assert flags == {argument.arg.replace("_", "-") for argument in main.args.kwonlyargs}


@pytest.mark.parametrize("name", STAGES)
def test_every_path_of_the_command_is_a_dep_or_an_out(name):
    body = STAGES[name]
    known = list(body.get("deps", []))
    for kind in ("outs", "metrics", "plots"):
        known += [out if isinstance(out, str) else next(iter(out)) for out in body.get(kind, [])]
    for path in re.findall(r"(?:data|reports)/\S+", body["cmd"]):
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
