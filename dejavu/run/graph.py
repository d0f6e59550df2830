"""The stages of dvc.yaml, each with the entries of params.yaml that it runs for."""

import copy
import dataclasses
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dejavu.errors import ParamsError
from dejavu.files import merge_conflicts
from dejavu.run.code import asked_by
from dejavu.text import printable

_SCRIPT = re.compile(r"python -m (stages\.\w+)")
_FIELD = re.compile(r"\$\{([\w.]+)\}")  # ${image.models}, ${key}, ${item.recipe}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One stage on one entry, as DVC runs it."""

    stage: str
    entry: str | None  # None: the stage runs once
    module: str  # of its script
    words: frozenset[str]  # what its parameters ask registries for
    command: str  # as DVC runs it

    @property
    def address(self) -> str:
        """Its name for DVC, e.g. ``embed@vicreg``."""
        return self.stage if self.entry is None else f"{self.stage}@{self.entry}"


def read(path: Path) -> dict[str, Any]:
    """Return the stages of a dvc.yaml by name, as they stand there.

    Raises:
        ParamsError: the file cannot be read or has no stages.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ParamsError(
            f"{path}: cannot be read: {error.strerror or error}. It lists the stages; run from the "
            "folder of the project."
        ) from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: cannot be read as text in UTF-8: {error}.") from None
    return copy.deepcopy(_stages(path, text))


@functools.lru_cache(
    maxsize=2
)  # reading takes longer than copying, and one process asks more than once
def _stages(path: Path, text: str) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        reason = printable(str(error).partition("\n")[0])[:200]
        raise ParamsError(
            merge_conflicts.problem_of(path, text)
            or f"{path}: not valid YAML ({reason}). `git checkout {path.name}` brings the committed one."
        ) from None
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(each, dict) for each in stages.values()):
        raise ParamsError(
            f"{path}: lists no stages. `git checkout {path.name}` brings the last one."
        )
    return stages


def body(stage: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a stage says of itself, which stands below ``do`` if it runs for several entries."""
    inner: Mapping[str, Any] = stage.get("do", stage)
    return inner


def script(name: str, stage: Mapping[str, Any]) -> str:
    """Return the module that a stage runs.

    Raises:
        ParamsError: its command runs none.
    """
    match = _SCRIPT.search(body(stage)["cmd"])
    if match is None:
        raise ParamsError(f"dvc.yaml: stage {name!r} runs no `python -m stages.…`.")
    return match[1]


def jobs(stages: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Job]:
    """Yield every stage on every entry that `params` holds for it.

    Args:
        stages: what `read` returned.
        params: the content of params.yaml.
    """
    for name, stage in stages.items():
        module = script(name, stage)
        for entry, fields in entries(stage, params):
            sections = (_filled(text, fields) for text in body(stage).get("params", []))
            words = set().union(*(asked_by(_value(params, section)) for section in sections))
            command = _filled(body(stage)["cmd"], fields)
            yield Job(
                stage=name, entry=entry, module=module, words=frozenset(words), command=command
            )


def folders(stages: Mapping[str, Any]) -> list[str]:
    """Return the folders that hold what stages make of their entries, one file or folder each.

    A stage without entries makes nothing, but a later one may depend on such a folder: it has to be there.

    >>> folders({"tag": {"foreach": "${tags}", "do": {"outs": ["data/tags/${key}/words"]}}})
    ['data/tags']
    """
    outs = (out for stage in stages.values() for out in body(stage).get("outs", []))
    found = {str(out).partition("${")[0].rpartition("/")[0] for out in outs if "${" in str(out)}
    return sorted(found)


def entries(
    stage: Mapping[str, Any], params: Mapping[str, Any]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield the name of each entry that a stage runs for, and what stands for ``${…}`` there.

    The name is None where it runs once.
    """
    if "foreach" in stage:
        given = stage["foreach"]  # a section of params.yaml, or the entries themselves
        known = given if isinstance(given, Mapping) else _value(params, _FIELD.sub(r"\1", given))
        for key, values in (known or {}).items():
            yield key, {"key": key, "item": values}
    elif "matrix" in stage:
        for values in itertools.product(*stage["matrix"].values()):
            item = dict(zip(stage["matrix"], values, strict=True))
            yield "-".join(map(str, values)), {"item": item}
    else:
        yield None, {}


def _filled(text: str, fields: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda match: str(_value(fields, match[1])), text)


def _value(values: Any, dotted: str) -> Any:
    """Return what stands under a dotted name; None if nothing does."""
    for name in dotted.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
