"""The folders below data/ that hold one file or folder per entry of params.yaml."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.run import graph
from dejavu.run.code_versions import GraphInputs
from dejavu.run.progress import say


def prepare(*, inputs: GraphInputs, out: Path) -> None:
    """Make every such folder, and take out what stages made of entries that params.yaml no longer has.

    Later stages read whole folders: a model that is gone would still be looked at, beside tables that were
    made since. Without any entry, nobody else makes the folder.

    Args:
        inputs: the graph, and params.yaml.
        out: the folder of the project.
    """
    stages = graph.read(inputs.dvc_yaml)
    for folder in graph.folders(stages):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for path in left_over(stages, params.read(inputs.params), out):
        say(f"{path}: removed, of an entry that is gone; DVC's cache has what was finished")
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def left_over(stages: Mapping[str, Any], settings: Mapping[str, Any], root: Path) -> list[Path]:
    """Return what stages made, below `root`, of entries that are gone.

    Args:
        stages: what `graph.read` returned; only those are looked at that run for each entry of a section.
        settings: the content of params.yaml.
        root: the folder of the project.
    """
    owned: dict[str, set[str]] = {}  # by folder
    for stage in stages.values():
        if not isinstance(stage.get("foreach"), str):
            continue
        for out in graph.body(stage).get("outs", []):
            before, _, after = str(out).partition("${key}")
            folder, _, start = before.rpartition("/")
            end = after.partition("/")[0]
            names = owned.setdefault(folder, set())
            names |= {f"{start}{entry}{end}" for entry, _ in graph.entries(stage, settings)}
    return [
        found
        for folder, names in sorted(owned.items())
        for found in sorted((root / folder).glob("*"))
        if found.name not in names and not found.name.startswith(".")
    ]
