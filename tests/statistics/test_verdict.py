import math

import pytest

from dejavu.statistics import verdict
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.verdict import Tested, Word, holm, needed, verdicts


def difference(value, se, n=500):
    return Difference(value=value, se=se, df=1000.0, n_target=n, n_control=n)


def words(tolerance=0.05, differs=(), **tested):
    found = verdicts(
        {name: Tested(hard=hard, soft=soft) for name, (hard, soft) in tested.items()},
        tolerance=tolerance, is_control_different={name: name in differs for name in tested},
    )  # fmt: skip
    return {name: each.word for name, each in found.items()}


def test_the_four_words():
    large, none, vague = difference(0.13, 0.02), difference(0.0, 0.01), difference(0.02, 0.06)
    found = words(a=(large, difference(1.0, 0.1)), b=(none, none), c=(vague, vague))
    assert found == {"a": Word.MEMORIZES, "b": Word.AT_MOST, "c": Word.TOO_FEW}


def test_a_control_that_differs_comes_before_any_number():
    large = difference(0.13, 0.02)
    assert words(differs=["a"], a=(large, large)) == {"a": Word.CONTROL_DIFFERS}


def test_the_soft_test_alone_does_not_suffice():
    assert words(a=(difference(-0.01, 0.02), difference(1.0, 0.1)))["a"] is not Word.MEMORIZES


def test_guesses_without_votes_are_judged_by_right_and_wrong():
    assert words(a=(difference(0.13, 0.02), None)) == {"a": Word.MEMORIZES}


def test_more_models_need_more_evidence():
    edge = difference(0.05, 0.024)  # one-sided p about 0.019
    assert words(a=(edge, edge))["a"] is Word.MEMORIZES
    none = difference(0.0, 0.024)
    assert words(a=(edge, edge), b=(none, none))["a"] is not Word.MEMORIZES


def test_the_bound_holds_for_all_models_at_once():
    edge = difference(0.0, 0.025)
    assert words(a=(edge, edge))["a"] is Word.AT_MOST
    assert words(a=(edge, edge), b=(edge, edge))["a"] is Word.TOO_FEW


def test_the_bound_is_printed_rounded_up_and_never_below_zero():
    found = verdicts(
        {"a": Tested(hard=difference(-0.2, 0.01), soft=None)}, tolerance=0.05,
        is_control_different={"a": False},
    )["a"]  # fmt: skip
    assert found.text == "at most 0.0 points"


def test_too_few_says_how_many_would_do():
    vague = difference(-0.044, 0.0696, n=93)
    found = verdicts(
        {"a": Tested(hard=vague, soft=None)}, tolerance=0.05, is_control_different={"a": False}
    )["a"]
    assert found.text == "too few samples to tell"
    assert found.n_needed == math.ceil(93 * (vague.half_width() / 0.05) ** 2)
    assert needed(vague, 0.05) == found.n_needed


def test_holm_by_hand():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )
    assert holm({}) == {}


def test_a_p_value_at_the_level_is_enough_and_a_bound_at_the_tolerance_is_not(monkeypatch):
    edge = difference(0.05, 0.024)
    monkeypatch.setattr(verdict, "ERROR", edge.p_greater)
    assert words(a=(edge, edge)) == {"a": Word.MEMORIZES}
    none = difference(0.0, 0.01)
    bound = none.upper(1 - edge.p_greater)
    assert words(tolerance=bound, a=(none, none)) == {"a": Word.TOO_FEW}
    assert words(tolerance=bound * (1 + 1e-9), a=(none, none)) == {"a": Word.AT_MOST}


def test_a_hard_estimate_of_zero_memorizes_nothing():
    assert words(a=(difference(0.0, 0.06), difference(1.0, 0.1))) == {"a": Word.TOO_FEW}
