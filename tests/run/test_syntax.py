import ast

import pytest

from dejavu.run import syntax

SOURCE = '''
"""A module."""
from __future__ import annotations
import numpy as np
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from dejavu.search import knn

__version__ = "1"
LIMIT = 3  # why

class Bank:
    """A bank."""

    rows: int = 0
    """How many."""

    def read(self, name: str) -> str:
        """Read it."""
        from dejavu.tables import parquet
        return f"{name!r:>{self.rows}}" "-" f"{{{parquet.read(name):.2f}}}"
'''
REGISTRY = """
SOURCES = {"timm": "dejavu.models.timm:make", "torchvision": "dejavu.models.torchvision:make"}
"""


def meaning(source):
    return syntax.facts_of(source)["code"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# because"),
        ('"""Read it."""', '"""Read all of it."""'),
        ('"""How many."""', ""),
        ('"""A module."""', ""),
        ('__version__ = "1"', '__version__ = "2"'),
        ("LIMIT = 3 ", "LIMIT   =   (3)"),
        ("    from dejavu.search import knn", "    from dejavu.search import similarity"),
    ],
)
def test_what_computes_nothing_does_not_count(old, new):
    assert old in SOURCE
    assert meaning(SOURCE.replace(old, new)) == meaning(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        (":.2f", ":.3f"),
        ("!r", "!s"),
        ("rows: int = 0", "rows: int = 1"),
        ('"-"', '"+"'),
        ("parquet.read", "parquet.write"),
    ],
)
def test_what_computes_counts(old, new):
    assert old in SOURCE
    assert meaning(SOURCE.replace(old, new)) != meaning(SOURCE)


def test_imports_inside_functions_count_and_those_for_type_checkers_do_not():
    facts = syntax.facts_of(SOURCE)
    assert facts["imports"] == [["dejavu.tables", "parquet"]]
    assert "numpy" in facts["libraries"]


def test_a_registered_item_counts_on_its_own():
    facts = syntax.facts_of(REGISTRY)
    more = syntax.facts_of(REGISTRY.replace("}", ', "hub": "dejavu.models.hub:make"}'))
    assert facts["code"] == more["code"]
    assert facts["imports"] == []
    (registry,), (larger,) = facts["registries"], more["registries"]
    assert larger[:2] == registry
    assert [item[:2] for item in registry] == [
        ["timm", ["dejavu.models.timm"]],
        ["torchvision", ["dejavu.models.torchvision"]],
    ]


def test_package_data_that_a_module_reads_is_found():
    source = """
import importlib.resources, jinja2
SQL = importlib.resources.files("dejavu") / "sql"
ENVIRONMENT = jinja2.Environment(loader=jinja2.PackageLoader("dejavu"))
OTHER = importlib.resources.files("somebody") / "config"
"""
    assert syntax.facts_of(source)["folders"] == ["sql", "templates"]


class _Newer(ast.NodeTransformer):
    """Changes a syntax tree as newer Pythons write it: fields that are empty, texts cut elsewhere."""

    def generic_visit(self, node):
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node._fields = (*node._fields, "type_params", "something_of_tomorrow")
            node.type_params, node.something_of_tomorrow = [], None
        if isinstance(node, ast.JoinedStr):
            pieces = [
                [ast.Constant(letter) for letter in part.value] + [ast.Constant("")]
                if isinstance(part, ast.Constant)
                else [part]
                for part in node.values
            ]
            node.values = [piece for each in pieces for piece in each]
        return node


def test_every_python_finds_the_same(monkeypatch):
    today, parse = syntax.facts_of(SOURCE), ast.parse
    monkeypatch.setattr(ast, "parse", lambda text: _Newer().visit(parse(text)))
    assert "something_of_tomorrow" in ast.parse("def f(): pass").body[0]._fields
    assert syntax.facts_of(SOURCE) == today
