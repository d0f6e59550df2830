"""The changes that `make mutate` makes: each alters one place, and those listed as equivalent exist."""

import ast
import signal

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


def test_a_sample_stays_as_it_is_when_another_line_changes():
    """So that a change which is mended or listed lets no other one slip in unseen."""
    before = changes("a.py", SOURCE)
    after = changes("a.py", SOURCE.replace("n + 1", "n + 2").replace("-n > 1", "-n > 7"))
    kept = {each.key for each in before} & {each.key for each in after}
    for seed in range(20):
        first, second = (
            {each.key for each in mutate.sample(found, 5, seed)} for found in (before, after)
        )
        assert len(first) == 5
        assert len((first ^ second) & kept) <= 1


def test_the_reason_is_what_follows_the_last_sign(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "EQUIVALENT", tmp_path / "list.txt")
    (tmp_path / "list.txt").write_text("# told\na.py: 1 to 2: x = 1  # one  # speed only\n")
    assert mutate.equivalent() == {"a.py: 1 to 2: x = 1  # one": "speed only"}
    (tmp_path / "list.txt").write_text("a.py: 1 to 2: x = 1\n")
    with pytest.raises(SystemExit, match="no reason"):
        mutate.equivalent()


def test_a_hang_and_a_test_that_fails_are_told_apart():
    assert mutate._word(0) == "UNNOTICED"
    assert mutate._word(1 << 8) == "noticed"  # as waitpid returns an exit status of 1
    assert mutate._word(signal.SIGXCPU) == "hung"
    with pytest.raises(SystemExit, match="status 5, which says nothing"):
        mutate._word(5 << 8)  # no test was found
