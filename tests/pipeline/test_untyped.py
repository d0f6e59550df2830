"""The report holds records; a dict of anything is what others wrote or read, in one place each."""

import ast
import re

import pytest

from tests.paths import ROOT

REPORT = ROOT / "dejavu" / "report"
# Where `dict[str, Any]` may be, and why.
ALLOWED = {
    "page/charts.py": "Vega-Lite: what Altair makes, and the theme that it takes",
    "page/elements.py": "Vega-Lite: the spec of a figure, for the browser",
    "page/sources.py": "provenance.json and source.json, whose facts differ by source",
    "published.py": "results.json of another run, and its JSON Schema",
}
MAPS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict"}


def untyped(source):
    """Return the lines that name a map of text to anything."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
        and getattr(node.value, "id", getattr(node.value, "attr", None)) in MAPS
        and isinstance(node.slice, ast.Tuple)
        and getattr(node.slice.elts[-1], "id", getattr(node.slice.elts[-1], "attr", None)) == "Any"
    ]


def test_a_dict_of_anything_stays_where_it_is_known():
    found = {
        file.relative_to(REPORT).as_posix()
        for file in REPORT.rglob("*.py")
        if untyped(file.read_text(encoding="utf-8"))
    }
    assert found == ALLOWED.keys()


def test_no_row_of_a_query_is_read_by_the_name_of_its_column():
    asked = [
        file.relative_to(REPORT).as_posix()
        for file in REPORT.rglob("*.py")
        if re.search(r"\.rows\(queries\.|\)\.to_pylist\(\)", file.read_text(encoding="utf-8"))
    ]
    assert not asked


@pytest.mark.parametrize(
    ("line", "is_untyped"),
    [
        ("Row = Mapping[str, Any]", True),
        ("def f(a: dict[str, typing.Any]) -> None: ...", True),
        ("rows: list[dict[str, Any]] = []", True),
        ("def f(a: dict[str, float], b: Any) -> list[Any]: ...", False),
    ],
)
def test_the_test_above_sees_what_it_looks_for(line, is_untyped):
    assert bool(untyped(line)) == is_untyped
