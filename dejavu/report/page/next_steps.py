"""What page one says after the verdicts: checks, power, what to do next, what remains open."""

from collections.abc import Iterable, Mapping

from dejavu.report.calibration import Answer, Calibration
from dejavu.report.page import formatting
from dejavu.report.page.elements import model_title
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.control_differs import Gate
from dejavu.statistics.verdict import Word

_FOUND_80 = 1.959964 + 0.841621  # standard errors: such an excess is told from 0 in 4 of 5 draws
Facts = tuple[tuple[str, str], ...]
POWER, CONTROL_CHECK = "smallest excess seen in 4 of 5 draws", "control check"
_MOST_NAMES = 6  # of models, in a sentence
TERMS = {POWER: "term-power", CONTROL_CHECK: "term-control-check"}  # where the page explains them


def checks(answer: Answer, false_discovery_percent: int) -> Facts:
    """Return power, control check and list of one model: what its verdict rests on, in a line each."""
    facts = []
    if (adjusted := answer.excess.adjusted) is not None:
        facts.append((POWER, f"{power(adjusted):.1f} points"))
    facts.append((CONTROL_CHECK, control_check(answer.gate)))
    listing = answer.excess.listing
    if listing is not None:
        rate = f"{false_discovery_percent} % of them expected to be false"
        listed = f"{formatting.grouped(listing.n_listed)} of {formatting.grouped(listing.n_target)}"
        if listing.n_control_needed is not None:
            needed = formatting.grouped(listing.n_control_needed)
            listed += f"; with {needed} control samples the first would be listed"
        facts.append((f"samples on the list, at most {rate}", listed))
    return tuple(facts)


def power(found: Difference) -> float:
    """Return the excess, in points, that a two-sided test at 5 % tells from 0 with 80 % power."""
    return 100 * _FOUND_80 * found.se


def control_check(gate: Gate) -> str:
    """Return whether control looks like target without the model, and by what."""
    parts = []
    if gate.joint is not None:
        parts.append(f"joint test p = {gate.joint.p_value:.2g}")
    if gate.joint_outside is not None:
        parts.append(f"outside the model p = {gate.joint_outside.p_value:.2g}")
    if gate.blind is not None:
        found = gate.blind
        parts.append(f"blind AUROC {found.auroc:.2f} [{found.low:.2f}, {found.high:.2f}]")
    word = "fails" if gate.is_closed else "passes, with a warning" if gate.reasons else "passes"
    return (
        f"{word} ({'; '.join(parts)})"
        if parts
        else "could not be made: too few samples, or nothing varies"
    )


def steps(found: Calibration, tolerance: float) -> list[str]:
    """Return what to do next, one sentence per word that was given; empty where nothing is decided."""
    said = []
    for word, sentence in _STEPS.items():
        names = _names(key[1] for key, each in found.answers.items() if each.verdict.word is word)
        if names:
            said.append(sentence.format(names=names, tolerance=f"{tolerance:g}"))
    listings = {key[1]: each.excess.listing for key, each in found.answers.items()}
    if names := _names(name for name, each in listings.items() if each and each.n_listed):
        said.append(
            f"{names}: look at the listed samples, the first in the galleries, all with `dejavu sql --query "
            "memorized_listed`. If they show people, those who answer for the data decide what follows."
        )
    return said


_STEPS: Mapping[Word, str] = {
    Word.CONTROL_DIFFERS: (
        "{names}: draw control anew, from where target comes from. Until then the number says nothing "
        "about memory."
    ),
    Word.MEMORIZES: (
        "{names}: decide who may get the model, and at which version; every copy of it holds what it "
        "memorized."
    ),
    Word.TOO_FEW: "{names}: attack more target and control samples; the card says how many would do.",
    Word.AT_MOST: (
        "{names}: by this attack the excess is at most what the card says, below the tolerance of "
        "{tolerance} points. Decide whether other attacks must be tried."
    ),
}


def _names(found: Iterable[str]) -> str:
    """Return the names of models in one sentence.

    >>> _names(["vicreg", "dino"]), _names(f"m{place}" for place in range(30))
    ('VICReg, DINO', 'm0, m1, m2, m3, m4, m5 and 24 more')
    """
    titles = [model_title(name) for name in found]
    more = f" and {len(titles) - _MOST_NAMES} more" if len(titles) > _MOST_NAMES else ""
    return ", ".join(titles[:_MOST_NAMES]) + more
