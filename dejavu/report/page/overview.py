"""Every answer in one table: what a sheet of paper, or a run of many models, has room for."""

from collections.abc import Sequence

from dejavu.report.page import formatting
from dejavu.report.page.answer import Card
from dejavu.report.page.elements import Grid

_UNBROKEN = "\u00a0"
_SUM = (
    "trained on: right", "trained on: reference right", "control: right", "control: reference right",
    "unadjusted excess",
)  # fmt: skip


def table(cards: Sequence[Card]) -> Grid | None:
    """Return one row per card; None without cards.

    The columns of the sum are empty where a card has none (captions, uncalibrated runs).
    """
    if not cards:
        return None
    checked = list(dict.fromkeys(term for card in cards for term, _ in card.checks))
    columns = {"model": "text", "answer": "text", "percentage points": "text"}
    has_sum = any(card.sum for card in cards)
    if has_sum:
        columns |= dict.fromkeys(_SUM, "number") | {_SUM[-1]: "text"}
    columns |= dict.fromkeys(checked, "text")
    rows = []
    for card in cards:
        cells = [
            f"{card.title} ({'; '.join(part for part in (card.subtitle, card.n) if part)})",
            card.verdict or "no word",
            "; ".join(
                f"{value} {bounds.replace(' ', _UNBROKEN)}" for value, bounds, _ in card.numbers
            ),
        ]
        if has_sum:
            rates = [value for _, value in card.sum[: len(_SUM)]]
            cells += rates or ["–"] * len(_SUM)
        told = dict(card.checks)
        cells += [told.get(term, "–") for term in checked]
        rows.append(tuple(formatting.text(cell) for cell in cells))
    names = list(dict.fromkeys(name for card in cards for _, _, name in card.numbers))
    return formatting.grid(f"Every model: {', '.join(names)}", columns, rows)
