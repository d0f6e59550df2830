"""summary.md: the answer in words first, then the tables behind it, then what the words mean."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dejavu import __version__
from dejavu.files import json_files
from dejavu.image.targets import Target
from dejavu.params.report import ImageHeadline
from dejavu.report import answers, markdown
from dejavu.report.caption.summary import Sections
from dejavu.report.caveats import recall_of, search_of
from dejavu.report.found import Found
from dejavu.report.guesses import Guesses
from dejavu.report.image.records import Comparison, unreported
from dejavu.report.image.table_records import Agreement, LabelAccuracy
from dejavu.report.image.tables import by_role, by_tags, in_order, pairs
from dejavu.report.numbers import Estimate
from dejavu.report.opening import image_reference
from dejavu.report.settings import ImageSettings
from dejavu.roles import ORACLE

_PROVENANCE = ("source", "recipe", "trained_on", "architecture", "layers", "weights_sha256")
_N_LISTED = 5  # most memorized samples shown in the summary; the table holds more


def render(
    found: Found,
    settings: ImageSettings,
    *,
    encoders: Path,
    captions: Sections,
    guesses: Sequence[Guesses] = (),
) -> str:
    """Return the summary as Markdown.

    Args:
        found: what was measured.
        settings: the parameters of the report.
        encoders: folder with ``<model>/provenance.json`` for every model.
        captions: the caption lane's part.
        guesses: those made elsewhere.
    """
    results, lead = found.images, settings.report.headline.image
    heads = [target for target in settings.heads if target.name in results]
    has_control = any(each.excess for _, _, each in pairs(results, heads))
    return (
        markdown.templates(text=markdown.cell, number=_number)
        .get_template("summary.md.j2")
        .render(
            version=__version__,
            results=results,
            tables=found.image_tables,
            exchangeability=found.exchangeability,
            dropped=found.dropped.images,
            settings=settings,
            heads=heads,
            head_names=[target.name for target in heads],
            headline=lead,
            captions=captions,
            lists=answers.lists(found.calibration, settings.report.false_discovery_percent),
            calibrated=answers.markdown(found.calibration, settings.report.tolerance),
            caveats=found.caveats,
            search_of=search_of,
            recall_of=recall_of,
            findings=[
                _finding(results[target.name], target, lead)
                for target in heads
                if ("image", target.name) not in found.calibration.negative_controls
            ],
            unreported=unreported({target.name: results[target.name] for target in heads}),
            has_control=has_control or bool(captions.calibrated),
            has_oracle=any(ORACLE in references for references in results.values()),
            **_rows(found, [t for t in settings.targets if t in heads], settings.targets),
            provenance=[*_provenance(encoders), *(_elsewhere(each) for each in guesses)],
            references=in_order({name for node in results.values() for name in node}),
        )
    )


def _rows(found: Found, heads: Sequence[Target], targets: Sequence[Target]) -> dict[str, object]:
    """Return what the tables of the image lane show, by the name that the template has for it."""
    tables, results = found.image_tables, found.images
    if tables is None:
        return {}
    return {
        "by_role": list(by_role(results, heads)),
        "by_tags": list(by_tags(results, heads)),
        "by_layer": list(pairs(results, targets)),
        "planted": [
            (target, reference, each.target.planted)
            for target, reference, each in pairs(results, targets)
            if each.target.planted
        ],
        "most_memorized": [each for each in tables.most_memorized if each.place <= _N_LISTED],
        "agreement": _pivot(tables.agreement),
        "labels": _by_reference(tables.by_label),
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the opening sentence about one model needs."""

    target: Target
    reference: str
    comparison: Comparison
    n_references: int
    scores: tuple[float | None, float | None]  # least and largest over the references
    excesses: tuple[float | None, float | None]


def _finding(
    references: Mapping[str, Comparison], target: Target, headline: ImageHeadline | None
) -> Finding:
    reference = image_reference(references, headline)
    excesses = [each.excess.scores.dejavu_score for each in references.values() if each.excess]
    return Finding(
        target=target,
        reference=reference,
        comparison=references[reference],
        n_references=len(references),
        scores=_range(each.target.scores.dejavu_score for each in references.values()),
        excesses=_range(excesses),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _range(found: Iterable[Estimate]) -> tuple[float | None, float | None]:
    values = [each.value for each in found if each.value is not None]
    return (min(values), max(values)) if values else (None, None)


def _pivot(found: Iterable[Agreement]) -> dict[str, dict[str, Agreement]]:
    """Return the agreement of two references as {first: {second: agreement}}, in order of appearance."""
    table: dict[str, dict[str, Agreement]] = {}
    for each in found:
        table.setdefault(each.first, {})[each.second] = each
    return table


def _by_reference(found: Iterable[LabelAccuracy]) -> dict[str, list[LabelAccuracy]]:
    """Return the labels of each reference, in order of appearance."""
    table: dict[str, list[LabelAccuracy]] = {}
    for each in found:
        table.setdefault(each.reference, []).append(each)
    return table


def _provenance(encoders: Path) -> list[dict[str, str]]:
    found = []
    for file in sorted(encoders.glob("*/provenance.json")):
        facts = json_files.mapping(file)
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


def _elsewhere(found: Guesses) -> dict[str, str]:
    row = dict.fromkeys(("model", *_PROVENANCE), "–")
    file = f", {found.file}" if found.file else ""
    return row | {
        "model": found.name, "source": f"guesses made elsewhere{file}",
        "trained_on": found.trained_on or "–",
        "weights_sha256": f"file {found.sha256[:12]}" if found.sha256 else "–",
    }  # fmt: skip
