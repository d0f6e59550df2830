"""Keep the modules listed under `deps` in dvc.yaml equal to what each stage imports.

DVC does not follow imports, so a stage that misses a module under `deps` keeps stale results.

    python -m scripts.sync_deps           rewrites dvc.yaml
    python -m scripts.sync_deps --check   exits with 1 and says what differs
"""

import ast
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PACKAGES = ("dejavu", "stages")
LAZY_NAME = re.compile(r"dejavu(\.\w+)+:\w+")  # "dejavu.corpora.glyphs:Glyphs" in a registry
SQL_FOLDER, TEMPLATE_FOLDER = "dejavu/sql", "dejavu/templates"


def imported_files(script: Path, root: Path = ROOT) -> set[Path]:
    """Return the project files that `script` imports, directly or not, lazily or not."""
    found, todo = {script}, [script]
    while todo:
        for name in _names(ast.parse(todo.pop().read_text(encoding="utf-8"))):
            for file in _files(name, root):
                if file not in found:
                    found.add(file)
                    todo.append(file)
    return found


def _names(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and LAZY_NAME.fullmatch(node.value)
        ):
            names.add(node.value.partition(":")[0])
    return {name for name in names if name.split(".")[0] in PACKAGES}


def _files(name: str, root: Path) -> list[Path]:
    parts = name.split(".")
    stems = [root.joinpath(*parts[:stop]) for stop in range(1, len(parts) + 1)]
    candidates = [
        file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")
    ]
    return [file for file in candidates if file.is_file()]


def code_deps(script: Path, root: Path = ROOT) -> list[str]:
    """Return the code that stage script `script` depends on, as dvc.yaml lists it.

    Modules of a subpackage stand as its folder; `dejavu/params` stays by file, one per section.
    """
    files = {file.relative_to(root).as_posix() for file in imported_files(script, root)}
    uses_templates = any("jinja2" in (root / file).read_text(encoding="utf-8") for file in files)
    files = {_folder_or_file(file) for file in files}
    if "dejavu/tables/catalog.py" in files:
        files.add(SQL_FOLDER)
    if uses_templates:
        files.add(TEMPLATE_FOLDER)
    return sorted(files)


def _folder_or_file(file: str) -> str:
    package, *folders = file.split("/")[:-1]
    return f"{package}/{folders[0]}" if folders and folders[0] != "params" else file


def is_code(dep: str) -> bool:
    """Tell whether a dep of dvc.yaml is code of this project rather than data."""
    return dep.startswith(tuple(f"{package}/" for package in PACKAGES))


def script_of(body: dict[str, Any]) -> Path:
    """Return the script that a stage's command runs."""
    match = re.search(r"python -m (stages\.\w+)", body["cmd"])
    if match is None:
        raise ValueError(f"no `python -m stages.…` in {body['cmd']!r}")
    return ROOT / (match.group(1).replace(".", "/") + ".py")


def stage_bodies(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return name → body of every stage, looking inside `foreach … do`."""
    return {name: stage.get("do", stage) for name, stage in graph["stages"].items()}


def main() -> None:
    """Rewrite or check dvc.yaml."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    path = ROOT / "dvc.yaml"
    graph = yaml.load(path.read_text(encoding="utf-8"))
    changed = []
    for name, body in stage_bodies(graph).items():
        data = [dep for dep in body.get("deps", []) if not is_code(dep)]
        deps = data + code_deps(script_of(body))
        if deps != list(body.get("deps", [])):
            changed.append(name)
            body["deps"] = deps
    if changed and "--check" in sys.argv:
        sys.exit(
            f"dvc.yaml: the modules under deps of {', '.join(changed)} differ from what the scripts "
            "import, so `dvc repro` would keep stale results. Run `python -m scripts.sync_deps`."
        )
    if changed:
        with path.open("w", encoding="utf-8") as stream:
            yaml.dump(graph, stream)
    print("changed: " + ", ".join(changed) if changed else "dvc.yaml lists what the stages import")


if __name__ == "__main__":
    main()
