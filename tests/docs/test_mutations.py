"""The changes that `make mutate` makes: each alters one place, and those listed as equivalent exist."""

import ast

import pytest

from scripts import mutate
from scripts.mutations import changed, changes

SOURCE = """
def cut(values: list[int], n: int = 3) -> bool:
    if n < 0:
        raise ValueError(n + 1)
    return not (len(values) - n <= 2 and -n > 1)
"""


def test_every_change_alters_its_place_alone():
    found = changes("a.py", SOURCE)
    kinds = [each.kind for each in found]
    assert sorted(kinds) == sorted(
        ["3 to 4", "Lt to LtE", "0 to 1", "without Not", "and to or", "LtE to Lt", "Sub to Add",
         "2 to 3", "Gt to GtE", "without USub", "1 to 2"]
    )  # fmt: skip
    sources = {ast.unparse(changed(SOURCE, each)) for each in found}
    assert len(sources) == len(found)
    assert ast.unparse(ast.parse(SOURCE)) not in sources


def test_errors_and_annotations_are_left_alone():
    assert not any("raise" in each.line for each in changes("a.py", SOURCE))


def test_two_changes_of_a_line_have_names_of_their_own():
    found = changes("a.py", "x = 1 + 1\n")
    assert len({each.key for each in found}) == len(found) == 3


def test_what_is_listed_as_equivalent_is_a_change_of_today():
    keys = {each.key for each in mutate.everything()}
    assert [key for key in mutate.equivalent() if key not in keys] == []


def test_a_place_that_is_not_there_fails():
    with pytest.raises(StopIteration):
        mutate._tests_of("dejavu/nothing.py")
