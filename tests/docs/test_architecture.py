"""docs/architecture.md points at what is there: modules, functions, and the query behind each figure."""

import ast
import re

from dejavu.tables import queries
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]


def numbers(text):
    """Return the figures and tables that a text names, ranges spelled out."""
    found = set()
    for kind, first, rest in re.findall(
        r"(Figure|Table)s? (\d+[ab]?)((?:(?:, | to | and )\d+[ab]?)*)", text
    ):
        found.add(f"{kind} {first}")
        if to := re.fullmatch(r" to (\d+)", rest):
            found |= {f"{kind} {each}" for each in range(int(first), int(to[1]) + 1)}
        found |= {f"{kind} {each}" for each in re.findall(r"\d+[ab]?", rest)}
    return found


def test_every_module_query_and_function_is_there():
    for row in ROWS:
        for name in re.findall(r"`([\w/]+\.(?:py|sql))`", " ".join(row)):
            assert (ROOT / "dejavu" / name).is_file(), name
        for module, function in re.findall(r"`([\w/]+\.py)`, `(\w+)`", " ".join(row)):
            tree = ast.parse((ROOT / "dejavu" / module).read_text(encoding="utf-8"))
            assert function in {getattr(node, "name", None) for node in ast.walk(tree)}, function


def test_every_figure_and_table_stands_beside_a_query_that_feeds_it():
    shown = set()
    for what, *rest in ROWS:
        names = re.findall(r"`sql/(\w+)\.sql`", " ".join(rest))
        if names:
            fed = set().union(*(numbers(queries.feeds(name)) for name in names))
            assert numbers(what) <= fed, what
            shown |= numbers(what)
    assert {"Figure 2a", "Figure 9", "Table 1", "Table 4"} <= shown
