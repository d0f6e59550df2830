"""params.yaml as strict, frozen models: one place for each value, unknown keys refused.

The file is read as YAML 1.2, as DVC reads it (`1e-3` is a number, `on` is a string). There are no
defaults in Python: what a run uses stands in params.yaml.
"""

import difflib
from pathlib import Path
from typing import Any, TypeVar, overload

from pydantic import TypeAdapter, ValidationError

from dejavu.errors import ParamsError
from dejavu.params.reader import read
from dejavu.params.renamed import RENAMED
from dejavu.text import printable

__all__ = ["read", "section"]

T = TypeVar("T")


@overload
def section(path: Path, name: str, schema: type[T]) -> T: ...
@overload
def section(path: Path, name: str, schema: object) -> Any: ...
def section(path: Path, name: str, schema: Any) -> Any:
    """Read the section `name` (dotted, e.g. ``"image.split"``) of `path` into `schema`.

    Args:
        path: a params.yaml.
        name: dotted path of the section or value.
        schema: a pydantic model, or any type pydantic can check (``int``, ``dict[str, Model]``).

    Raises:
        ParamsError: the file or section is missing, a key is unknown or missing, or a value is out
            of range; the message names the key and what was expected.
    """
    value: Any = read(path)
    walked: list[str] = []
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            known = sorted(value) if isinstance(value, dict) else []
            close = difflib.get_close_matches(key, known, n=1)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            where = ".".join(walked) or "the file"
            raise ParamsError(f"{path}: no section {name!r}: {where} has no key {key!r}.{guess}")
        value = value[key]
        walked.append(key)
    try:
        return TypeAdapter(schema).validate_python(value)
    except ValidationError as error:
        raise ParamsError(_explain(path, name, error)) from None


def _explain(path: Path, name: str, error: ValidationError) -> str:
    lines = [f"{path}: section {name!r} does not fit:"]
    for problem in error.errors(include_url=False):
        where = ".".join([name, *(str(part) for part in problem["loc"])])
        if problem["type"] == "extra_forbidden":
            key = str(problem["loc"][-1])
            if key in RENAMED:
                lines.append(f"  {where}: is called {RENAMED[key]} now.")
                continue
            known = _missing_beside(error, problem["loc"])
            close = difflib.get_close_matches(key, known, n=1)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            lines.append(f"  {where}: unknown key.{guess}")
        elif problem["type"] == "missing":
            lines.append(f"  {where}: missing.")
        else:
            lines.append(
                f"  {where}: {_reason(problem['msg'])} (found {_found(problem['input'])})."
            )
    return "\n".join(lines)


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ").removesuffix(".")


def _found(value: Any) -> str:
    shown = printable(repr(value))
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _missing_beside(error: ValidationError, loc: tuple[int | str, ...]) -> list[str]:
    """Return keys that were reported missing beside the unknown one: the likely meant ones."""
    missing = [p["loc"] for p in error.errors() if p["type"] == "missing"]
    return [str(other[-1]) for other in missing if other[:-1] == loc[:-1]]
