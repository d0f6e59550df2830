"""The SQL that makes the reports, by name: one file per query in ``dejavu/sql``."""

import importlib.resources

from dejavu.errors import ParamsError, suggestion

_FOLDER = importlib.resources.files("dejavu") / "sql"


def names() -> list[str]:
    """Return the names of all queries, sorted."""
    return sorted(
        file.name.removesuffix(".sql") for file in _FOLDER.iterdir() if file.name.endswith(".sql")
    )


def text(name: str) -> str:
    """Return the SQL of one query.

    Raises:
        ParamsError: there is no query of this name.
    """
    if name not in names():
        raise ParamsError(f"No query named {name!r}.{suggestion(name, names())}")
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def about(name: str) -> str:
    """Return what a query tells: the comment that opens its file, on one line."""
    lines = []
    for line in text(name).splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)
