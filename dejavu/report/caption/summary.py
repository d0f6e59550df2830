"""The caption part of summary.md: the answer, the calibrated table, and what lies behind them."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dejavu.params.report import CaptionHeadline
from dejavu.report import markdown
from dejavu.report.caption.records import (
    CaptionResults,
    Comparison,
    ExcessGaps,
    Gaps,
    RoleGaps,
    Setting,
    two_model_gaps,
)
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.numbers import Estimate, Rows
from dejavu.report.opening import caption_reference
from dejavu.report.page import formatting
from dejavu.report.page.elements import objects_title
from dejavu.roles import SECOND_MODEL

_N_LISTED = 5  # most memorized samples shown; the table holds more


class Sections(NamedTuple):
    """Markdown of the caption lane, by its place in the summary; empty on a lane that is not used."""

    answer: str = ""
    calibrated: str = ""
    details: str = ""


def render(
    results: CaptionResults, made: Mapping[str, Rows], settings: CaptionSettings, *, models: Path
) -> Sections:
    """Return the sections as Markdown.

    Args:
        results: what the caption lane measured.
        made: the rows of every table, by file name.
        settings: the parameters of the report.
        models: folder with ``<model>/provenance.json`` for every model.
    """
    headline = settings.headline
    if headline is None or headline.target not in results:
        return Sections()
    templates = markdown.templates(gap=gap, gap_in=_gap_in, cell=markdown.cell)
    facts = _facts(results, made, settings, headline) | {"models": _models(models)}
    return Sections(
        *(
            templates.get_template(f"{name}.md.j2").render(facts).strip()
            for name in ("captions_answer", "captions_calibrated", "captions")
        )
    )


def _facts(
    results: CaptionResults,
    made: Mapping[str, Rows],
    settings: CaptionSettings,
    headline: CaptionHeadline,
) -> dict[str, Any]:
    target, mode, k = headline.target, headline.mode, headline.k
    searched = [
        name for name, found in results.items()
        if any(at.mode == mode for by_setting in found.values() for at in by_setting)
    ]  # fmt: skip
    names = sorted(searched, key=lambda name: name != target)  # the headline first
    first = SECOND_MODEL if SECOND_MODEL in results[target] else next(iter(results[target]))
    wanted = {"target": target, "reference": first, "mode": mode, "k": k}
    return {
        "headline": headline,
        "objects": objects_title(headline.top),
        "findings": [
            found
            for name in names
            if (found := _finding(name, results[name], Setting.of(headline))) is not None
        ],
        "targets": names,
        "calibration": {name: _calibration(results[name], mode) for name in names},
        "beside_paper": _beside_paper(made, target),
        "agreement": [
            row
            for row in made["caption_agreement"]
            if (row["target"], row["mode"], row["role"]) == (target, mode, "target")
            and (row["first"], row["second"]) == (SECOND_MODEL, "text_model")
        ],
        "first_reference": first,
        "top_l": [
            row
            for row in made["caption_top_l"]
            if wanted.items() <= row.items()
            and (row["top"], row["role"]) == (headline.n_top, "target")
        ],
        "most_memorized": [
            row
            for row in made["caption_most_memorized"]
            if wanted.items() <= row.items() and row["place"] <= _N_LISTED
        ],
        "made": made,
        "settings": settings,
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


def _beside_paper(made: Mapping[str, Rows], target: str) -> Rows:
    rows = []
    for name, first, second in (
        ("caption_by_neighbors", "table_2", "table_4"),
        ("caption_by_objects", "table_3", "table_5"),
    ):
        for row in made[name]:
            shown = {"first": _paper(row, first), "second": _paper(row, second)}
            if row["target"] == target and set(shown.values()) != {"–"}:
                rows.append(row | shown)
    return rows


def _paper(row: Mapping[str, Any], table: str) -> str:
    values = [row.get(f"paper_{table}_{statistic}") for statistic in ("ppg", "prg")]
    return "–" if None in values else ", ".join(f"{value:.3f}" for value in values)


def _models(folder: Path) -> list[dict[str, str]]:
    found = []
    for file in sorted(folder.glob("*/provenance.json")):
        facts = json.loads(file.read_text(encoding="utf-8"))
        sanity = facts.get("retrieval_of_training_images")
        found.append(
            {
                "model": file.parent.name,
                "source": facts["source"],
                "trained_on": facts.get("trained_on", "elsewhere"),
                "sanity": "–" if sanity is None else f"{sanity['recall_at_10']:.1%}",
                "weights_sha256": str(facts.get("weights_sha256", "–"))[:12],
            }
        )
    return found


def _gap_in(row: Mapping[str, Any], name: str) -> str:
    return gap(formatting.of(row, name))
