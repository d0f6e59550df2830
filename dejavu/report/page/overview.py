"""Every answer in one table: what a sheet of paper, or a run of many models, has room for."""

from collections.abc import Sequence

from dejavu.report.page import formatting
from dejavu.report.page.answer import Card
from dejavu.report.page.elements import Grid

_SUM = (
    "trained on: model − reference, %", "control: model − reference, %", "unadjusted excess, points",
)  # fmt: skip


def _unbroken(text: str) -> str:
    """Return an interval that stays on one line."""
    return text.replace(", ", ",\u00a0")


def _sum(card: Card) -> list[str]:
    """Return what the unadjusted excess is the difference of, and the excess: rates in percent, points."""
    if not card.sum:
        return ["–"] * len(_SUM)
    *parts, (_, excess) = card.sum
    shown = [value.removesuffix(" %") for _, value in parts]
    return [" − ".join(shown[:2]), " − ".join(shown[2:]), _unbroken(excess)]


def table(cards: Sequence[Card]) -> Grid | None:
    """Return one row per card; None without cards.

    The columns of the sum are empty where a card has none (uncalibrated runs).
    """
    if not cards:
        return None
    checked = list(dict.fromkeys(term for card in cards for term, _ in card.checks))
    names = list(dict.fromkeys(name for card in cards for _, _, name in card.numbers))
    columns = {"model": "text", "answer": "text", ", ".join(names): "text"}
    has_sum = any(card.sum for card in cards)
    if has_sum:
        columns |= dict.fromkeys(_SUM, "text")
    columns |= dict.fromkeys(checked, "text")
    rows = []
    for card in cards:
        cells = [
            f"{card.title} ({'; '.join(part for part in (card.subtitle, card.n) if part)})",
            card.verdict or "none is given",
            "; ".join(f"{value} {_unbroken(bounds)}" for value, bounds, _ in card.numbers),
        ]
        if has_sum:
            cells += _sum(card)
        told = dict(card.checks)
        cells += [told.get(term, "–") for term in checked]
        rows.append(tuple(formatting.text(cell) for cell in cells))
    caption = "Every model, with 95 % intervals"
    return formatting.grid(caption, columns, rows)
