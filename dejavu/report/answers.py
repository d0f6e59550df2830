"""The calibrated answer in words and numbers: the same in summary and page."""

from dejavu.report.calibration import Answer, Calibration
from dejavu.report.excess import Excess
from dejavu.report.page import formatting
from dejavu.report.page.elements import model_title
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.verdict import Verdict, Word

_WHAT = {
    "image": "naming the hidden object from a background crop",
    "caption": "recalling the objects of an image from its caption",
}


def markdown(found: Calibration, tolerance: float) -> str:
    """Return one line per model decided on, the word first; then the negative controls."""
    lines = [
        f"- **{target}: {answer.verdict.text}.** {sentence(lane, target, answer, tolerance)}"
        for (lane, target), answer in found.answers.items()
    ]
    lines += [
        f"- **{target}: negative control.** {control_sentence(target, excess)}"
        for (_, target), excess in found.negative_controls.items()
        if excess.adjusted is not None
    ]
    return "\n".join(lines)


def lists(found: Calibration, percent: int) -> str:
    """Return one line per model decided on: how many of its samples are listed as memorized."""
    lines = []
    for (_, target), answer in found.answers.items():
        listing = answer.excess.listing
        if listing is None:
            continue
        n, n_target = (formatting.grouped(each) for each in (listing.n_listed, listing.n_target))
        line = f"- {target}: {n} of {n_target} target samples"
        if listing.n_control_needed is not None:
            needed = formatting.grouped(listing.n_control_needed)
            line += f"; with {needed} control samples the first would be listed"
        lines.append(f"{line} (expected false entries: at most {percent} %).")
    return "\n".join(lines)


def control_sentence(target: str, excess: Excess) -> str:
    """Return what a network that saw target and control alike shows: perhaps a false alarm."""
    adjusted = excess.adjusted
    if adjusted is None:
        return ""
    low, high = adjusted.interval()
    alarm = "no false alarm" if low <= 0 <= high else "a false alarm: look at the control set"
    return (
        f"{model_title(target)} saw target and control alike, so that nothing of either can stand out: "
        f"adjusted excess {points(adjusted)} points, {alarm}. It gets no verdict and counts as no test."
    )


def sentence(lane: str, target: str, answer: Answer, tolerance: float) -> str:
    """Return what the numbers say: a difference of rates, never a share of images."""
    adjusted = answer.excess.adjusted
    if adjusted is None:
        return ""
    parts = [
        f"{model_title(target)} has an adjusted excess of {points(adjusted)} percentage points: how much "
        f"better it is at {_WHAT[lane]} on samples it was trained on "
        f"(n = {formatting.grouped(adjusted.n_target)}) than on control samples "
        f"(n = {formatting.grouped(adjusted.n_control)}). "
        f"Without covariates: {points(answer.excess.gap)}.",
        _consequence(answer.verdict, tolerance),
        _by_votes(answer),
    ]
    if answer.gate.reasons:
        parts.append(f"Look at the control set: {'; '.join(answer.gate.reasons)}.")
    return " ".join(part for part in parts if part)


def _by_votes(answer: Answer) -> str:
    """Say what the word rests on where the interval of the excess itself holds 0."""
    adjusted = answer.excess.adjusted
    if answer.verdict.word is not Word.MEMORIZES or adjusted is None or adjusted.interval()[0] > 0:
        return ""
    return (
        "This interval holds 0; the word rests on how many neighbors vote for the true label, which tells "
        f"more than right or wrong (p = {answer.verdict.p_value:.2g} after Holm’s correction)."
    )


def points(found: Difference | None) -> str:
    """Return percentage points with their 95 % interval."""
    return " ".join(apart(found)) if found is not None else "–"


def apart(found: Difference) -> tuple[str, str]:
    """Return percentage points, and their 95 % interval in brackets."""
    low, high = (formatting.signed(bound) for bound in found.interval())
    return formatting.signed(found.value), f"[{low}, {high}]"


def _consequence(verdict: Verdict, tolerance: float) -> str:
    if verdict.word is Word.TOO_FEW and verdict.n_needed is not None:
        return (
            f"About {formatting.grouped(verdict.n_needed)} samples per role would tell it to "
            f"± {tolerance:g} points."
        )
    return ""
