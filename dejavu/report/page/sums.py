"""How the unadjusted excess comes about: the rates of model and reference on samples of both roles."""

from collections.abc import Sequence

from dejavu.report.caption import records as captions
from dejavu.report.image.records import Comparison
from dejavu.report.numbers import Estimate
from dejavu.report.page import formatting
from dejavu.report.page.elements import reference_title
from dejavu.roles import SECOND_MODEL, TEXT_MODEL

Sum = tuple[tuple[str, str], ...]  # term and value, line by line; empty: uncalibrated


def against(reference: str) -> str:
    """Return a reference as a sentence names it."""
    known = {SECOND_MODEL: "a second model", TEXT_MODEL: "a text model"}
    return known.get(reference, f"“{reference_title(reference)}”")


def image_sum(title: str, reference: str, found: Comparison) -> Sum:
    """Return how the unadjusted excess comes about: who is right, on samples of both roles."""
    if found.control is None or found.excess is None:
        return ()
    rates = [
        (name, role.n, role.scores.target_accuracy.value, role.scores.reference_accuracy.value)
        for name, role in (("trained on", found.target), ("control", found.control))
    ]
    return _sum_of(
        (f"{title} right", f"{against(reference)} right"), rates, found.excess.scores.dejavu_score
    )


def caption_sum(title: str, reference: str, found: captions.Comparison) -> Sum:
    """Return how the unadjusted excess of the mean recall comes about, on samples of both roles."""
    if found.target is None or found.control is None or found.excess is None:
        return ()
    if found.excess.gaps.aucg.value is None:
        return ()
    rates = [
        (name, role.n, role.target_recall, role.reference_recall)
        for name, role in (("trained on", found.target), ("control", found.control))
    ]
    return _sum_of(
        (f"recall of {title}", f"recall of {against(reference)}"), rates, found.excess.gaps.aucg
    )


def _sum_of(
    whose: tuple[str, str],
    rates: Sequence[tuple[str, int, float | None, float | None]],
    excess: Estimate,
) -> Sum:
    """Return a line per rate, and one with the difference of their differences.

    Args:
        whose: what the two rates of a role are.
        rates: samples, n, and both rates, in shares; the role that was trained on first.
        excess: in shares.
    """
    lines, shown = [], []
    for samples, n, *both in rates:
        for what, rate in zip(whose, both, strict=True):
            shown.append("–" if rate is None else formatting.plain(rate))
            lines.append((f"{samples} (n = {formatting.grouped(n)}): {what}", f"{shown[-1]} %"))
    difference = f"({shown[0]} − {shown[1]}) − ({shown[2]} − {shown[3]})"
    return (*lines, (f"unadjusted excess: {difference}, points", formatting.interval(excess)))
