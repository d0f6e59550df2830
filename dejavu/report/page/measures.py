"""Other measures of memorization, beside the votes: exploratory, without a word."""

from collections.abc import Iterator, Sequence

from dejavu.image.targets import Target
from dejavu.report.calibration import Calibration
from dejavu.report.excess import Excess
from dejavu.report.measures import PERCENTS
from dejavu.report.numbers import Estimate
from dejavu.report.page import formatting
from dejavu.report.page.elements import Cell, Grid, model_title
from dejavu.statistics.adjusted import Difference

_COUNTS = {"image": "vote, by counts", "caption": "recall"}


def grid(found: Calibration, heads: Sequence[Target]) -> Grid | None:
    """Return one table over both lanes, each model at its headline; None where nothing else was measured."""
    rows = [row for lane, name, each in _models(found, heads) for row in _rows(lane, name, each)]
    if not rows:
        return None
    columns = {"model": "text", "measure": "text", "mean, target": "number", "mean, control": "number",
               "adjusted excess": "number"}  # fmt: skip
    columns |= {f"target above the cut at {percent:g} %": "number" for percent in PERCENTS}
    caption = (
        "Other measures (exploratory): higher is more memorized; share of target above what that share of "
        "control exceeds, in %"
    )
    shares = [
        share
        for _, _, each in _models(found, heads)
        for measured in each.measures.values()
        for share in measured.found.values()
    ]
    return formatting.grid(formatting.noted(caption, shares), columns, rows)


def _models(found: Calibration, heads: Sequence[Target]) -> Iterator[tuple[str, str, Excess]]:
    names = {target.name for target in heads}
    if found.image is not None:
        for name, each in found.image.excess.items():
            if name in names:
                yield "image", name, each
    if found.caption is not None:
        for name, each in found.caption.excess.items():
            yield "caption", name, each


def _rows(lane: str, name: str, excess: Excess) -> Iterator[tuple[Cell, ...]]:
    if not excess.measures:
        return
    nothing, title = formatting.text(None), formatting.text(model_title(name))
    empty = (nothing,) * len(PERCENTS)
    yield title, formatting.text(_COUNTS[lane]), nothing, nothing, _cell(excess.adjusted), *empty
    for measure, each in excess.measures.items():
        unit = f" ({each.unit})" if each.unit else ""
        yield (
            title, formatting.text(measure.replace("_", " ") + unit),
            formatting.number(each.mean_target, 3), formatting.number(each.mean_control, 3),
            _cell(each.adjusted), *(_share(each.found[percent]) for percent in PERCENTS),
        )  # fmt: skip


def _cell(found: Difference | None) -> Cell:
    """Return a difference with its interval, in the unit of what was measured."""
    if found is None:
        return formatting.text(None)
    low, high = found.interval()
    return formatting.gap(Estimate(value=found.value, low=low, high=high))


def _share(found: Estimate) -> Cell:
    return formatting.text(None) if found.value is None else formatting.percent(found)
