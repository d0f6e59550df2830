"""The SQL that makes the reports, by name: one file per query in ``dejavu/sql``.

Each opens with ``-- feeds: <what>``: the figure, table or key of results.json that it makes. A query may
read from others as if they were tables; a comment ``-- uses: <names>`` lists them.
"""

import importlib.resources

from dejavu.errors import ParamsError, suggestion

_FOLDER = importlib.resources.files("dejavu") / "sql"
_USES = "-- uses:"
_FEEDS = "-- feeds:"


def names() -> list[str]:
    """Return the names of all queries, sorted."""
    return sorted(
        file.name.removesuffix(".sql") for file in _FOLDER.iterdir() if file.name.endswith(".sql")
    )


def text(name: str) -> str:
    """Return the SQL of one query; what it uses comes first, as statements that make tables.

    Raises:
        ParamsError: there is no query of this name.
    """
    return "".join(table(other) for other in uses(name)) + body(name)


def table(name: str) -> str:
    """Return the statement that keeps the rows of one query as a table of its name."""
    return f"CREATE OR REPLACE TEMP TABLE {name} AS\n{body(name).rstrip()};\n"


def uses(name: str) -> list[str]:
    """Return the queries that one query reads from, each after those that it reads from itself."""
    found: list[str] = []
    for line in body(name).splitlines():
        if line.startswith(_USES):
            for other in line.removeprefix(_USES).replace(" ", "").split(","):
                found += [*uses(other), other]
    return list(dict.fromkeys(found))


def body(name: str) -> str:
    """Return the SQL of one query without what it uses.

    Raises:
        ParamsError: there is no query of this name.
    """
    if name not in names():
        raise ParamsError(f"No query named {name!r}.{suggestion(name, names())}")
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def about(name: str) -> str:
    """Return what a query tells: the comment that opens its file, on one line."""
    lines = []
    for line in body(name).splitlines():
        if not line.startswith("--"):
            break
        if not line.startswith((_USES, _FEEDS)):
            lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def feeds(name: str) -> str:
    """Return what a query makes: figures and tables of the paper, files, keys of results.json."""
    first = body(name).partition("\n")[0]
    return first.removeprefix(_FEEDS).strip() if first.startswith(_FEEDS) else ""
