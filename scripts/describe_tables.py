"""Write docs/tables.md: every view, column and named query, from the schemas and their descriptions.

Run as ``python -m scripts.describe_tables``; a test fails when the page is stale.
"""

from collections.abc import Iterator
from pathlib import Path

from dejavu.tables import dictionary
from dejavu.tables import queries as named_queries
from dejavu.tables.dictionary import Column, View

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"
_INTRODUCTION = """\
# Tables, views and named queries

<!-- Written by `python -m scripts.describe_tables` from schemas.py and descriptions.py in dejavu/tables. -->

Every intermediate result of a run is a Parquet table below `data/`, and every table is a read-only view of
`dejavu sql`. Some columns come from the path of a file, such as the name of a model: they are marked *path*.
Rows are sorted by the key. NULL means that there is no value, never zero.

```console
dejavu sql --list
dejavu sql --describe image_scores
dejavu sql "FROM labels ORDER BY lane, label_id LIMIT 5"
```

Any other reader of Parquet works as well: `duckdb`, `pandas`, `polars`, `pyarrow`. What is in the file is
what the view shows, without the columns marked *path*.

"""
_QUERIES = """\
## Named queries

The SQL that makes the report, in `dejavu/sql/`; each takes what it needs of params.yaml as small tables
(`targets`, `settings`, `at_percents`, `false_positive_percents`, `lengths`).

```console
dejavu sql --query image_score_counts
```

| query | what it tells | feeds |
| --- | --- | --- |
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the text of docs/tables.md."""
    views = dictionary.views()
    lines = ["| view | what it holds |", "| --- | --- |"]
    lines += [f"| [`{view.name}`](#{view.name}) | {_cell(view.about)} |" for view in views]
    queries = [
        f"| `{name}` | {_cell(named_queries.about(name))} | {_cell(named_queries.feeds(name))} |"
        for name in named_queries.names()
    ]
    sections = "\n".join(line for view in views for line in _view(view))
    return (
        _INTRODUCTION + "\n".join(lines) + "\n\n" + sections + "\n" + _QUERIES
        + "\n".join(queries) + "\n"
    )  # fmt: skip


def _view(view: View) -> Iterator[str]:
    files = " or ".join(f"`data/{_shown(file)}`" for file in view.files)
    yield f"## {view.name}\n"
    yield f"{view.about} Files: {files}. Key: {', '.join(f'`{name}`' for name in view.key)}.\n"
    yield "| column | type | unit | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in view.columns:
        yield f"| `{column.name}` | {_type(column)} | {column.unit} | {_cell(column.meaning)} |"
    yield ""


def _type(column: Column) -> str:
    notes = {"path": ", *path*", "field": "", "table": ""}[column.source]
    nullable = ", NULL" if column.is_nullable and column.source != "field" else ""
    return f"{column.kind}{nullable}{notes}"


def _shown(file: str) -> str:
    return file.replace("{", "<").replace("}", ">")


def _cell(text: str) -> str:
    """Return text that cannot break a table of Markdown."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
