"""summary.md: the answer in words first, then the tables behind it, then what the words mean."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from dejavu import __version__
from dejavu.image.targets import Target
from dejavu.params.report import ImageHeadline
from dejavu.report.caption.summary import Sections
from dejavu.report.image.tables import Rows, in_order
from dejavu.report.numbers import Node
from dejavu.report.opening import image_reference
from dejavu.report.page import formatting
from dejavu.report.settings import ImageSettings
from dejavu.report.verdict import verdict

_PROVENANCE = ("source", "recipe", "trained_on", "architecture", "layers", "weights_sha256")
_N_LISTED = 5  # most memorized samples shown in the summary; the table holds more


def render(
    results: Node,
    made: Mapping[str, Rows],
    settings: ImageSettings,
    *,
    encoders: Path,
    captions: Sections,
    calibrated: str,
) -> str:
    """Return the summary as Markdown.

    Args:
        results: ``image`` of results.json.
        made: the rows of every table, by file name.
        settings: the parameters of the report.
        encoders: folder with ``<model>/provenance.json`` for every model.
        captions: the caption lane's part.
        calibrated: the answer that rests on the control sets; empty without them.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 Markdown, made from our own tables
    )
    environment.filters |= {
        "points": points,
        "points_in": points_in,
        "share": share,
        "text": _text,
        "number": lambda value: "–" if value is None else f"{value:.3f}",
    }
    heads = [target for target in settings.heads if target.name in results]
    return environment.get_template("summary.md.j2").render(
        version=__version__,
        results=results,
        made=made,
        settings=settings,
        heads=heads,
        head_names=[target.name for target in heads],
        headline=settings.report.headline.image,
        captions=captions,
        calibrated=calibrated,
        findings=[_finding(results, target, settings.report.headline.image) for target in heads],
        has_control=any("excess" in node for node in _nodes(results)) or bool(captions.calibrated),
        has_oracle=any("oracle" in references for references in results.values()),
        most_memorized=[
            row for row in made.get("image_most_memorized", []) if row["place"] <= _N_LISTED
        ],
        provenance=_provenance(encoders),
        pivot=_pivot,
        agreement_cell=_agreement_cell,
        label_cell=_label_cell,
        references=in_order({name for node in results.values() for name in node}),
    )


def points(value: float | None) -> str:
    """Return a share as signed percentage points.

    >>> points(0.1234), points(-0.05), points(None)
    ('+12.3', '−5.0', '–')
    """
    return "–" if value is None else formatting.signed(value)


def points_in(row: Mapping[str, Any], name: str) -> str:
    """Return percentage points with their interval, from ``name`` and its bounds in a row or node."""
    if row.get(name) is None:
        return "–"
    bounds = row.get(f"{name}_ci95") or [row.get(f"{name}_low"), row.get(f"{name}_high")]
    if bounds[0] is None:
        return points(row[name])
    return f"{points(row[name])} [{points(bounds[0])}, {points(bounds[1])}]"


def share(value: float | None) -> str:
    """Return a share in percent.

    >>> share(0.1234), share(None)
    ('12.3 %', '–')
    """
    return "–" if value is None else f"{100 * value:.1f} %".replace("-", "−")


def _text(value: Any) -> str:
    return "–" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _nodes(results: Node) -> list[Node]:
    return [node for references in results.values() for node in references.values()]


def _finding(results: Node, target: Target, headline: ImageHeadline | None) -> dict[str, Any]:
    """Return what the opening sentence about one model needs."""
    references = results[target.name]
    reference = image_reference(references, headline)
    node = references[reference]
    spread: dict[str, Any] = {"n": len(references)}
    for name, role in (("score", "target"), ("excess", "excess")):
        values = [other[role]["dejavu_score"] for other in references.values() if role in other]
        spread[name] = (min(values), max(values)) if values else (None, None)
    return {
        "target": target,
        "reference": reference,
        "node": node,
        "verdict": verdict(
            node.get("excess", {}).get("dejavu_score_ci95"), is_calibrated="excess" in node
        )[0],
        "spread": spread,
    }


def _pivot(
    rows: Rows, row_key: str, column_key: str, cell: Callable[[Mapping[str, Any]], Any]
) -> dict[str, dict[str, Any]]:
    """Return rows as {row: {column: cell}}, in order of appearance."""
    table: dict[str, dict[str, Any]] = {}
    for row in rows:
        table.setdefault(str(row[row_key]), {})[str(row[column_key])] = cell(row)
    return table


def _agreement_cell(row: Mapping[str, Any]) -> str:
    return f"{share(row['overlap'])} ({share(row['agreement'])})"


def _label_cell(row: Mapping[str, Any]) -> str:
    return f"{_text(row['label'])} ({row['n_correct']} of {row['n']})"


def _provenance(encoders: Path) -> list[dict[str, str]]:
    found = []
    for file in sorted(encoders.glob("*/provenance.json")):
        facts = json.loads(file.read_text(encoding="utf-8"))
        row = {"model": file.parent.name}
        for name in _PROVENANCE:
            value = facts.get(name)
            shown = (
                ", ".join(f"{k} {v}" for k, v in value.items())
                if isinstance(value, dict)
                else value
            )
            row[name] = "–" if shown is None else str(shown)
        row["weights_sha256"] = row["weights_sha256"][:12]
        found.append(row)
    return found
