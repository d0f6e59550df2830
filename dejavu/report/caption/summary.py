"""The caption part of summary.md: the answer, the calibrated table, and what lies behind them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from dejavu.params.report import CaptionHeadline
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.caption.tables import Rows, comparisons_of
from dejavu.report.numbers import Node
from dejavu.report.opening import caption_reference
from dejavu.report.page.elements import objects_title
from dejavu.roles import SECOND_MODEL

_N_LISTED = 5  # most memorized samples shown; the table holds more


class Sections(NamedTuple):
    """Markdown of the caption lane, by its place in the summary; empty on a lane that is not used."""

    answer: str = ""
    calibrated: str = ""
    details: str = ""


def render(
    results: Node, made: Mapping[str, Rows], settings: CaptionSettings, *, models: Path
) -> Sections:
    """Return the sections as Markdown.

    Args:
        results: ``caption`` of results.json.
        made: the rows of every table, by file name.
        settings: the parameters of the report.
        models: folder with ``<model>/provenance.json`` for every model.
    """
    headline = settings.headline
    if headline is None or headline.target not in results:
        return Sections()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 Markdown, made from our own tables
    )
    environment.filters |= {"gap": gap, "cell": _cell}
    facts = _facts(results, made, settings, headline) | {"models": _models(models)}
    return Sections(
        *(
            environment.get_template(f"{name}.md.j2").render(facts).strip()
            for name in ("captions_answer", "captions_calibrated", "captions")
        )
    )


def _facts(
    results: Node,
    made: Mapping[str, Rows],
    settings: CaptionSettings,
    headline: CaptionHeadline,
) -> dict[str, Any]:
    target, mode, k = headline.target, headline.mode, headline.k
    searched = [name for name in results if any(mode in modes for modes in results[name].values())]
    names = sorted(searched, key=lambda name: name != target)  # the headline first
    first = SECOND_MODEL if SECOND_MODEL in results[target] else next(iter(results[target]))
    wanted = {"target": target, "reference": first, "mode": mode, "k": k}
    return {
        "headline": headline,
        "objects": objects_title(headline.top),
        "findings": [
            found for name in names if (found := _finding(results, name, headline)) is not None
        ],
        "targets": names,
        "calibration": {name: _calibration(results, name, mode) for name in names},
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


def _finding(results: Node, target: str, headline: CaptionHeadline) -> dict[str, Any] | None:
    """Return what the opening sentence about one model needs; None: not measured at this setting."""
    reference = caption_reference(results[target])
    place = (headline.mode, f"k={headline.k}", f"top={headline.top}")
    node, second = (_at(results[target].get(name, {}), place) for name in (reference, SECOND_MODEL))
    if "target" not in node:
        return None
    return {
        "target": target,
        "reference": reference,
        "attacked": node["target"],
        "control": node.get("control"),
        "excess": node.get("excess"),
        "second": second.get("target"),
    }


def _at(node: Node, place: tuple[str, ...]) -> Node:
    for key in place:
        node = node.get(key, {})
    return node


def gap(row: Mapping[str, Any], name: str) -> str:
    """Return a gap in [-1, 1] with its interval, from a node of results.json or a row of a table.

    >>> gap({"ppg": -0.0514, "ppg_ci95": [-0.1, 0.02]}, "ppg")
    '−0.051 [−0.100, +0.020]'
    >>> gap({"ppg": None}, "ppg")
    '–'
    """
    if row.get(name) is None:
        return "–"
    low, high = row.get(f"{name}_ci95") or (row.get(f"{name}_low"), row.get(f"{name}_high"))
    text = f"{row[name]:+.3f}" if low is None else f"{row[name]:+.3f} [{low:+.3f}, {high:+.3f}]"
    return text.replace("-", "−")


def _calibration(results: Node, target: str, mode: str) -> dict[str, Any]:
    references = [name for name in results[target] if mode in results[target][name]]
    one_model = [name for name in references if name != SECOND_MODEL]
    rows, sizes = [], {"n_target": 0, "n_control": 0}
    for who, node in comparisons_of({target: {references[0]: results[target][references[0]]}}):
        if who["mode"] != mode:
            continue
        k, top = f"k={who['k']}", f"top={who['top']}"
        sizes = {f"n_{role}": node.get(role, {}).get("n", 0) for role in ("target", "control")}
        nodes = {name: results[target][name][mode][k][top] for name in references}
        for statistic in ("ppg", "prg"):
            second = nodes.get(SECOND_MODEL, {}).get("target", {})
            cells = [
                {
                    part: gap(nodes[name].get(part, {}), statistic)
                    for part in ("target", "control", "excess")
                }
                for name in one_model
            ]
            rows.append(
                {"k": who["k"], "top": who["top"], "statistic": statistic}
                | {"two_model": gap(second, statistic), "cells": cells}
            )
    return {"references": one_model, "rows": rows, **sizes}


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


def _cell(value: Any) -> str:
    return "–" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
