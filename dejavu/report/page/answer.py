"""The answer: one card per model, from what was measured and decided."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from dejavu.image.targets import Target
from dejavu.params.report import CaptionHeadline, ImageHeadline, ReportParams
from dejavu.report import answers
from dejavu.report.calibration import Answer
from dejavu.report.caption import records as captions
from dejavu.report.caption.records import Setting, two_model_gaps
from dejavu.report.excess import Excess
from dejavu.report.image.records import Comparison
from dejavu.report.image.tables import in_order
from dejavu.report.numbers import Estimate
from dejavu.report.opening import caption_reference, image_reference
from dejavu.report.page import formatting, next_steps
from dejavu.report.page.elements import Grid, model_title, objects_title
from dejavu.report.page.sums import against, caption_sum, image_sum
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.verdict import Word

_TONES: Mapping[Word, str] = {  # how a word is colored; nothing else depends on it
    Word.MEMORIZES: "bad",
    Word.AT_MOST: "good",
    Word.CONTROL_DIFFERS: "warn",
    Word.TOO_FEW: "plain",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is said about one model first."""

    title: str
    subtitle: str
    verdict: str  # empty: exploratory, nothing is decided
    tone: str  # good, warn, bad or plain: the color of the verdict
    numbers: tuple[tuple[str, str, str], ...]  # value, interval, name
    sentence: str
    facts: tuple[tuple[str, str], ...]  # term, value
    sum: tuple[tuple[str, str], ...] = ()  # how the unadjusted excess comes about, line by line
    n: str = ""  # how many samples of both roles, where a word was given
    checks: tuple[tuple[str, str], ...] = ()  # power, control check, length of the list


def behind(cards: Sequence[Card]) -> Grid | None:
    """Return the facts of every card as one table; None where there are none."""
    rows = [
        (formatting.text(card.title), formatting.text(term), formatting.text(value))
        for card in cards
        for term, value in card.facts
    ]
    columns = {"model": "text", "what": "text", "value": "text"}
    caption = "Each model: without covariates, by crossover, and against each reference"
    return formatting.grid(caption, columns, rows) if rows else None


def image_card(
    target: Target,
    references: Mapping[str, Comparison],
    headline: ImageHeadline | None,
    answer: Answer | None,
    report: ReportParams,
) -> Card:
    """Return the card of one image model.

    Args:
        target: its headline predictor.
        references: what it is compared with.
        headline: names the reference of the plain numbers.
        answer: the calibrated answer; None where there is none.
        report: parameters of the report.
    """
    reference = image_reference(references, headline)
    found = references[reference]
    title = model_title(target.model)
    card = Card(
        title=title, subtitle=target.search, verdict="", tone="plain", numbers=(),
        sentence="", facts=_image_facts(references, reference), sum=image_sum(title, reference, found),
    )  # fmt: skip
    if answer is not None and answer.excess.adjusted is not None:
        return _decided(card, "image", target.name, answer, answer.excess.adjusted, report)
    main = found.excess.scores.dejavu_score if found.excess else found.target.scores.dejavu_score
    sentence = (
        f"On samples it was trained on (n = {formatting.grouped(found.target.n)}), {title} names the hidden "
        f"object from a background crop more often than {against(reference)} does, by "
        f"{formatting.interval(found.target.scores.dejavu_score)} percentage points"
    )
    if found.control is None:
        sentence += ". Without control samples the bias of this test is unknown."
    else:
        control = formatting.interval(found.control.scores.dejavu_score)
        sentence += (
            f"; on control samples (n = {formatting.grouped(found.control.n)}) by {control}."
        )
    return _undecided(
        card, sentence, {"excess, points" if found.excess else "plain score, points": main},
        is_calibrated=found.excess is not None,
    )  # fmt: skip


def control_card(target: Target, excess: Excess) -> Card:
    """Return the card of a network that saw target and control alike: whether it is a false alarm."""
    shown = ("–", "") if excess.adjusted is None else answers.apart(excess.adjusted)
    return Card(
        title=model_title(target.model), subtitle=f"{target.search}; negative control",
        verdict="", tone="plain", numbers=((*shown, "adjusted excess, points"),),
        sentence=answers.control_sentence(target.name, excess), facts=(),
    )  # fmt: skip


def caption_card(
    target: str,
    references: Mapping[str, Mapping[Setting, captions.Comparison]],
    headline: CaptionHeadline,
    answer: Answer | None,
    report: ReportParams,
) -> Card | None:
    """Return the card of one captioned model; None where it is not measured at the headline's setting."""
    reference, at = caption_reference(references), Setting.of(headline)
    found = references[reference].get(at)
    if found is None or found.target is None:
        return None
    title = model_title(target)
    card = Card(
        title=title, subtitle=f"{at.mode}, K = {at.k}, {objects_title(at.top)}", verdict="", tone="plain",
        numbers=(), sentence="", facts=_caption_facts(found, two_model_gaps(references, at), reference),
        sum=caption_sum(title, reference, found),
    )  # fmt: skip
    if answer is not None and answer.excess.adjusted is not None:
        return _decided(card, "caption", target, answer, answer.excess.adjusted, report)
    gaps = found.excess.gaps if found.excess else found.target.gaps
    sentence = (
        f"From the captions it was trained on (n = {formatting.grouped(found.target.n)}), {title} against "
        f"{against(reference)}: PPG {formatting.interval(found.target.gaps.ppg)}, PRG "
        f"{formatting.interval(found.target.gaps.prg)} percentage points"
    )
    if found.control is None:
        sentence += ". Without control samples the bias of this test is unknown."
    else:
        control = found.control.gaps
        sentence += (
            f"; from control captions (n = {formatting.grouped(found.control.n)}) PPG "
            f"{formatting.interval(control.ppg)}, PRG {formatting.interval(control.prg)}."
        )
    what = "excess, points" if found.excess else "plain, points"
    return _undecided(
        card, sentence, {f"PPG, {what}": gaps.ppg, f"PRG, {what}": gaps.prg},
        is_calibrated=found.excess is not None,
    )  # fmt: skip


def _decided(
    card: Card, lane: str, target: str, answer: Answer, adjusted: Difference, report: ReportParams
) -> Card:
    """Return a card with the word, the adjusted excess, and what stands behind it."""
    facts = [("without covariates (gap)", f"{answers.points(answer.excess.gap)} points")]
    crossed = answer.excess.crossover
    if crossed is not None and crossed.hard is not None:
        facts.append(("crossover of two trainings", f"{answers.points(crossed.hard)} points"))
    facts += [
        (f"{name.replace('_', ' ')}, excess", f"{answers.points(each)} points")
        for name, each in answer.excess.more.items()
    ]
    facts.append(("covariates", _covariates(answer.excess.covariates)))
    return dataclasses.replace(
        card,
        verdict=answer.verdict.text,
        tone=_TONES[answer.verdict.word],
        numbers=((*answers.apart(adjusted), "adjusted excess, points"),),
        sentence=answers.sentence(lane, target, answer, report.tolerance),
        facts=(*facts, *card.facts),
        n=(
            f"n = {formatting.grouped(adjusted.n_target)} trained on, "
            f"{formatting.grouped(adjusted.n_control)} control"
        ),
        checks=next_steps.checks(answer, report.false_discovery_percent),
    )


def _covariates(names: Sequence[str]) -> str:
    """Return what the excess is adjusted for; the dummies of one variable are counted, not listed.

    >>> _covariates(["classifier is right", "label=1", "label=2"]), _covariates([])
    ('classifier is right, label (2 dummies)', 'none')
    """
    dummies = collections.Counter(name.partition("=")[0] for name in names if "=" in name)
    shown = [name for name in names if "=" not in name]
    shown += [f"{name} ({n} dumm{'y' if n == 1 else 'ies'})" for name, n in dummies.items()]
    return ", ".join(shown) or "none"


def _undecided(
    card: Card, sentence: str, numbers: Mapping[str, Estimate], *, is_calibrated: bool
) -> Card:
    shown = [(*formatting.apart(each), name) for name, each in numbers.items()]
    return dataclasses.replace(
        card,
        verdict="" if is_calibrated else "uncalibrated",
        tone="plain" if is_calibrated else "warn",
        numbers=tuple(shown),
        sentence=f"{sentence} Exploratory." if is_calibrated else sentence,
    )


def _image_facts(
    references: Mapping[str, Comparison], reference: str
) -> tuple[tuple[str, str], ...]:
    found = references[reference]
    score = formatting.interval(found.target.scores.dejavu_score)
    facts = [(f"score on target against {against(reference)}", f"{score} points")]
    if found.control is None or found.excess is None:
        return tuple(facts)
    control = formatting.interval(found.control.scores.dejavu_score)
    n = formatting.grouped(found.control.n)
    facts.append((f"the same on {n} control samples = bias", f"{control} points"))
    excess = formatting.interval(found.excess.scores.dejavu_score)
    facts.append((f"excess against {against(reference)}, unadjusted", f"{excess} points"))
    others = [references[name] for name in in_order(references) if name != reference]
    scores = [each.target.scores.dejavu_score.value for each in others if each.excess]
    excesses = [each.excess.scores.dejavu_score.value for each in others if each.excess]
    for title, values in (("plain scores", scores), ("unadjusted excesses", excesses)):
        if known := [value for value in values if value is not None]:
            spread = f"{formatting.signed(min(known))} to {formatting.signed(max(known))} points"
            facts.append((f"{title} with {len(known)} other references", spread))
    if found.excess.estimated_precision.value is not None:
        precision = formatting.interval(found.excess.estimated_precision, sign=False, decimals=0)
        n_flagged = formatting.grouped(found.target.n_memorized)
        facts.append(
            (
                f"right where the reference is wrong: {n_flagged}; of these, not by chance",
                f"{precision} %",
            )
        )
    return tuple(facts)


def _caption_facts(
    found: captions.Comparison, second: captions.Gaps | None, reference: str
) -> tuple[tuple[str, str], ...]:
    facts = []
    assert found.target is not None
    for name, plain in found.target.gaps.by_name().items():
        if name == "aucg":
            continue
        upper = name.upper()
        facts.append(
            (
                f"{upper} on target against {against(reference)}, plain",
                f"{formatting.interval(plain)} points",
            )
        )
        if found.control is not None:
            n = formatting.grouped(found.control.n)
            control = formatting.interval(found.control.gaps.by_name()[name])
            facts.append((f"{upper} on {n} control = bias", f"{control} points"))
        if second is not None:
            two = formatting.interval(second.by_name()[name])
            facts.append((f"{upper} against a second model", f"{two} points"))
    return tuple(facts)
