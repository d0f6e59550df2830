"""The caption part of summary.md: the answer, the calibrated table, and what lies behind them."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dejavu.files import json_files
from dejavu.params.report import CaptionHeadline
from dejavu.report import markdown
from dejavu.report.caption.records import (
    Comparison,
    ExcessGaps,
    Gaps,
    RoleGaps,
    Setting,
    two_model_gaps,
)
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.caption.table_records import BesidePaper, CaptionTables
from dejavu.report.found import Found
from dejavu.report.numbers import Estimate
from dejavu.report.opening import caption_reference
from dejavu.report.page.elements import objects_title
from dejavu.report.paper import Pair
from dejavu.roles import SECOND_MODEL, TARGET, TEXT_MODEL

_N_LISTED = 5  # most memorized samples shown; the table holds more


class Sections(NamedTuple):
    """Markdown of the caption lane, by its place in the summary; empty on a lane that is not used."""

    answer: str = ""
    calibrated: str = ""
    details: str = ""


def render(found: Found, settings: CaptionSettings, *, models: Path) -> Sections:
    """Return the sections as Markdown.

    Args:
        found: what was measured.
        settings: the parameters of the report.
        models: folder with ``<model>/provenance.json`` for every model.
    """
    lead = settings.headline
    if lead is None or lead.target not in found.captions or found.caption_tables is None:
        return Sections()
    templates = markdown.templates(gap=gap, cell=markdown.cell)
    facts = _facts(found, found.caption_tables, lead)
    facts |= {"settings": settings, "models": _models(models)}
    return Sections(
        *(
            templates.get_template(f"{name}.md.j2").render(facts).strip()
            for name in ("captions_answer", "captions_calibrated", "captions")
        )
    )


def _facts(found: Found, tables: CaptionTables, lead: CaptionHeadline) -> dict[str, object]:
    target, mode, results = lead.target, lead.mode, found.captions
    searched = [
        name for name, references in results.items()
        if any(at.mode == mode for by_setting in references.values() for at in by_setting)
    ]  # fmt: skip
    names = sorted(searched, key=lambda name: name != target)  # the headline first
    first = SECOND_MODEL if SECOND_MODEL in results[target] else next(iter(results[target]))
    return {
        "headline": lead,
        "objects": objects_title(lead.top),
        "findings": [
            finding
            for name in names
            if (finding := _finding(name, results[name], Setting.of(lead))) is not None
        ],
        "targets": names,
        "calibration": {name: _calibration(results[name], mode) for name in names},
        "beside_paper": [*_beside_paper(tables, target)],
        "agreement": [
            each
            for each in tables.agreement
            if (each.pair.target, each.pair.mode, each.pair.role) == (target, mode, TARGET)
            and (each.pair.first, each.pair.second) == (SECOND_MODEL, TEXT_MODEL)
        ],
        "first_reference": first,
        "top_l": [
            each
            for each in tables.top_l
            if (each.target, each.reference, each.setting) == (target, first, Setting.of(lead))
            and each.role == TARGET
        ],
        "most_memorized": [
            each
            for each in tables.most_memorized
            if (each.target, each.reference, each.mode, each.k) == (target, first, mode, lead.k)
            and each.place <= _N_LISTED
        ],
        "dropped": found.dropped.captions,
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the opening sentence about one model needs."""

    target: str
    reference: str
    attacked: RoleGaps
    control: RoleGaps | None
    excess: ExcessGaps | None
    second: Gaps | None  # against the second model, on target samples


def _finding(
    target: str, references: Mapping[str, Mapping[Setting, Comparison]], at: Setting
) -> Finding | None:
    """Return the finding; None: not measured at this setting."""
    reference = caption_reference(references)
    found = references[reference].get(at)
    if found is None or found.target is None:
        return None
    return Finding(
        target=target, reference=reference, attacked=found.target, control=found.control,
        excess=found.excess, second=two_model_gaps(references, at),
    )  # fmt: skip


def gap(found: Estimate | None) -> str:
    """Return a gap in [-1, 1] with its interval.

    >>> gap(Estimate(value=-0.0514, low=-0.1, high=0.02))
    '−0.051 [−0.100, +0.020]'
    >>> gap(None)
    '–'
    """
    if found is None or found.value is None:
        return "–"
    text = f"{found.value:+.3f}"
    if found.low is not None:
        text += f" [{found.low:+.3f}, {found.high:+.3f}]"
    return text.replace("-", "−")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedRow:
    """One gap at one setting: the two-model gap, and (target, control, excess) of each one-model test."""

    k: int
    top: str
    gap: str
    two_model: Estimate | None
    cells: list[tuple[Estimate | None, Estimate | None, Estimate | None]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedTable:
    """Every one-model test of one target in one mode."""

    references: list[str]
    n_target: int
    n_control: int
    rows: list[CalibratedRow]


def _calibration(
    references: Mapping[str, Mapping[Setting, Comparison]], mode: str
) -> CalibratedTable:
    searched = {
        name: {at: each for at, each in found.items() if at.mode == mode}
        for name, found in references.items()
    }
    searched = {name: found for name, found in searched.items() if found}
    one_model = [name for name in searched if name != SECOND_MODEL]
    first = next(iter(searched.values()))
    rows = []
    for at in first:
        two = two_model_gaps(references, at)
        for name in ("ppg", "prg"):
            cells = [_three(searched[reference][at], name) for reference in one_model]
            rows.append(
                CalibratedRow(
                    k=at.k, top=at.top_text, gap=name,
                    two_model=None if two is None else two.by_name()[name], cells=cells,
                )
            )  # fmt: skip
    roles = [(each.target, each.control) for each in first.values()]
    return CalibratedTable(
        references=one_model,
        n_target=max((target.n for target, _ in roles if target), default=0),
        n_control=max((control.n for _, control in roles if control), default=0),
        rows=rows,
    )


def _three(
    found: Comparison, name: str
) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    target, control, excess = (
        None if each is None else each.gaps.by_name()[name]
        for each in (found.target, found.control, found.excess)
    )
    return target, control, excess


def _beside_paper(tables: CaptionTables, target: str) -> Iterator[tuple[BesidePaper, str, str]]:
    """Yield what stands beside the paper, with its numbers of each of its two data sets."""
    for rows, first, second in ((tables.by_neighbors, 2, 4), (tables.by_objects, 3, 5)):
        for each in rows:
            shown = _paper(each.paper[first]), _paper(each.paper[second])
            if each.target == target and set(shown) != {"–"}:
                yield each, *shown


def _paper(pair: Pair) -> str:
    return "–" if None in pair else ", ".join(f"{value:.3f}" for value in pair)


def _models(folder: Path) -> list[dict[str, str]]:
    found = []
    for file in sorted(folder.glob("*/provenance.json")):
        facts = json_files.mapping(file)
        sanity = facts.get("retrieval_of_training_images")
        found.append(
            {
                "model": file.parent.name,
                "source": facts["source"],
                "trained_on": facts.get("trained_on", "elsewhere"),
                "sanity": "–" if sanity is None else f"{100 * sanity['recall_at_10']:.1f} %",
                "weights_sha256": str(facts.get("weights_sha256", "–"))[:12],
            }
        )
    return found
