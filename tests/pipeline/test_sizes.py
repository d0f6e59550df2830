"""Modules and functions fit a screen or two; what they do, not their length, says where to cut them."""

import ast

import pytest

from dejavu.run import syntax
from tests.paths import ROOT

BODY_LINES, FUNCTION_LINES, MODULE_LINES, STAGE_LINES = 45, 80, 300, 60
LISTS = {"dejavu/tables/schemas.py"}  # declares every table in turn: nothing to split by
FILES = [file for name in syntax.PACKAGES for file in sorted((ROOT / name).rglob("*.py"))]
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def sizes(source):
    """Return name, lines in all and lines of the body without its docstring, of each function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, FUNCTION):
            rest = node.body[ast.get_docstring(node) is not None :]
            n_body = rest[-1].end_lineno - rest[0].lineno + 1 if rest else 0
            yield node.name, node.end_lineno - node.lineno + 1, n_body


@pytest.mark.slow
def test_functions_do_one_thing():
    long = [
        f"{file.relative_to(ROOT)}: {name} has {n_lines} lines, {n_body} of them its body"
        for file in FILES
        for name, n_lines, n_body in sizes(file.read_text(encoding="utf-8"))
        if n_body > BODY_LINES or n_lines > FUNCTION_LINES
    ]
    assert not long


def test_modules_and_stages_are_short():
    lengths = {
        file.relative_to(ROOT): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES
    }
    limits = {file: STAGE_LINES if file.parts[0] == "stages" else MODULE_LINES for file in lengths}
    long = {file.as_posix(): n for file, n in lengths.items() if n > limits[file]}
    assert long.keys() <= LISTS, long


@pytest.mark.parametrize(("n", "expected"), [(1, (2, 1)), (3, (4, 3))])
def test_a_docstring_is_not_counted_as_code(n, expected):
    lines = ["def f():", '    """Say', "", '    more."""', *["    x = 1"] * n]
    [(_, n_lines, n_body)] = sizes("\n".join(lines))
    assert (n_lines - 3, n_body) == expected
