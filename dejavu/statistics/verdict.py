"""One word per model: what its adjusted excess shows, after the number of tests is accounted for (ours)."""

import dataclasses
import enum
import math
from collections.abc import Mapping

from dejavu.statistics.adjusted import Difference

ERROR = (
    0.025  # chance of any "memorizes" in a run without memorization, and of any wrong upper bound
)


class Word(enum.StrEnum):
    """The four answers, in the order in which they are tried."""

    CONTROL_DIFFERS = "control differs"
    MEMORIZES = "memorizes"
    AT_MOST = "at most"
    TOO_FEW = "too few samples to tell"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A model at its headline setting."""

    hard: Difference  # in shares: 0.05 is five points
    soft: (
        Difference | None
    )  # of the log odds; None where guesses came without votes, or it is the same


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer for one model."""

    word: Word
    p_value: float  # one-sided, Holm-adjusted over the models of the run
    upper: float  # bound of the hard excess that holds for all models of the run at once, in shares
    n_needed: (
        int | None
    )  # attacked samples per role for an interval of ± tolerance; None where enough

    @property
    def text(self) -> str:
        """Return the answer as it is printed everywhere.

        >>> Verdict(word=Word.AT_MOST, p_value=0.4, upper=0.0312, n_needed=None).text
        'at most 3.2 points'
        """
        if self.word is not Word.AT_MOST:
            return str(self.word)
        return f"at most {math.ceil(max(self.upper, 0.0) * 1000) / 10:.1f} points"


def verdicts(
    tested: Mapping[str, Tested], *, tolerance: float, is_control_different: Mapping[str, bool]
) -> dict[str, Verdict]:
    """Decide for every model of a run, in the fixed order of `Word`.

    *memorizes*: the soft one-sided p-value (hard where there is no soft one) is at most 2.5 % after Holm's
    correction over the models, and the hard estimate is above 0. *at most U points*: the hard upper bound at
    1 − 0.025/M is below `tolerance`.

    Args:
        tested: the models that count; negative controls and exploratory settings stand outside.
        tolerance: in shares, e.g. 0.05.
        is_control_different: by model, whether control and target differ in what lies outside the model.
    """
    adjusted_p = holm({name: (each.soft or each.hard).p_greater for name, each in tested.items()})
    level = 1 - ERROR / max(len(tested), 1)
    found = {}
    for name, each in tested.items():
        upper = each.hard.upper(level)
        if is_control_different[name]:
            word = Word.CONTROL_DIFFERS
        elif adjusted_p[name] <= ERROR and each.hard.value > 0:
            word = Word.MEMORIZES
        elif upper < tolerance:
            word = Word.AT_MOST
        else:
            word = Word.TOO_FEW
        found[name] = Verdict(
            word=word, p_value=adjusted_p[name], upper=upper,
            n_needed=needed(each.hard, tolerance) if word is Word.TOO_FEW else None,
        )  # fmt: skip
    return found


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return Holm's adjusted p-values: at most one chance in 1/α of any false one below α.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    least, found = 0.0, {}
    ranked = sorted(p_values, key=lambda name: (p_values[name], name))
    for place, name in enumerate(ranked):
        least = max(least, min(1.0, (len(ranked) - place) * p_values[name]))
        found[name] = least
    return {name: found[name] for name in p_values}


def needed(found: Difference, tolerance: float) -> int:
    """Return the samples per role with which the 95 % interval would be ± `tolerance` wide.

    Both roles grow alike, and the spread of the residuals stays as it is.
    """
    n = max(found.n_target, found.n_control)
    return math.ceil(n * (found.half_width() / tolerance) ** 2)
