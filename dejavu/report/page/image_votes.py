"""What the votes of the image lane say beyond who is right: ties, and planted samples."""

from collections.abc import Mapping, Sequence

from dejavu.image.targets import Target
from dejavu.report.excess import Excess
from dejavu.report.image.table_records import TiedVotes
from dejavu.report.page import formatting
from dejavu.report.page.elements import Grid, model_title


def planted_by_votes(calibrated: Mapping[str, Excess], heads: Sequence[Target]) -> Grid | None:
    """Return how well z, which orders the list, finds samples that were repeated in training."""
    rows = [
        (
            formatting.text(model_title(target.model)), formatting.count(found.n_planted),
            formatting.count(found.n_other), formatting.auroc(found.auroc),
        )
        for target in heads
        if target.name in calibrated
        and (listing := calibrated[target.name].listing) is not None
        and (found := listing.planted) is not None
    ]  # fmt: skip
    if not rows:
        return None
    return formatting.grid(
        "Planted duplicates: does z, which orders the list of memorized samples, find them?",
        {"model": "text", "planted": "number", "others": "number", "AUROC": "number"},
        rows,
    )


def tied_votes(rows: Sequence[TiedVotes], heads: Sequence[Target]) -> Grid | None:
    """Return the share of votes that the rule for ties decides."""
    names = {target.name: model_title(target.model) for target in heads}
    shown = [row for name in names for row in rows if row.target == name]
    if not shown:
        return None
    return formatting.grid(
        "Tied votes: several labels have the most neighbors, and the nearest voter decides (ours)",
        {"model": "text", "role": "text", "votes": "number", "tied": "number", "share, %": "number"},
        [
            (
                formatting.text(names[row.target]), formatting.text(row.counts.role),
                formatting.count(row.counts.n), formatting.count(row.counts.n_tied),
                formatting.percent(row.share),
            )
            for row in shown
        ],
    )  # fmt: skip
