"""Where everything comes from, what was dropped, and what each test needs."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dejavu.files import json_files
from dejavu.report.caveats import Caveats, recall_of, search_of
from dejavu.report.dropped import Dropped
from dejavu.report.guesses import Guesses
from dejavu.report.image.tables import in_order
from dejavu.report.page import formatting
from dejavu.report.page.elements import Grid, reference_title
from dejavu.report.sharing import NAMELESS_FACTS
from dejavu.roles import CONSENSUS, ORACLE, SECOND_MODEL, NaiveBayes
from dejavu.tables import parquet

LANES = {"image": ("Images", "encoders"), "caption": ("Captions", "models")}
_FIRST = (
    "source", "weights", "file", "trained_on", "recipe", "architecture", "network", "layers", "dim",
    "preprocessing", "weights_sha256",
)  # fmt: skip
_MOST_WEIGHTS = 6  # on page one; the section on provenance has all
_LEFT_OUT = ("losses", "model", "is_empty")  # the loss curve is a plot of its own


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """One model or data set: its name, the line that identifies it, and all that is known of it."""

    title: str
    lane: str
    summary: str
    facts: tuple[tuple[str, str], ...]


def models(data: Path, *, has_names: bool = True) -> list[Origin]:
    """Return every model of both lanes from the provenance beside its weights; without names, no path."""
    found = []
    for lane, (title, folder) in LANES.items():
        for file in sorted((data / lane / folder).glob("*/provenance.json")):
            facts = json_files.mapping(file)
            if not has_names:
                facts = {name: facts[name] for name in NAMELESS_FACTS if name in facts}
            rest = [name for name in facts if name not in (*_FIRST, *_LEFT_OUT)]
            order = [name for name in _FIRST if name in facts] + sorted(rest)
            shown = {name: facts[name] for name in order if facts[name] is not None}
            trained_on = facts.get("trained_on")
            role = _seen(trained_on) if trained_on else f"{facts['source']}, trained elsewhere"
            digest = str(facts.get("weights_sha256") or "–")[:12]
            summary = f"{role}; weights {digest}"
            found.append(Origin(file.parent.name, title, summary, tuple(flat(shown))))
    return found


def elsewhere(found: Iterable[Guesses]) -> list[Origin]:
    """Return every table of guesses that was made elsewhere: its file is all that is known of its model."""
    return [
        Origin(
            each.name, LANES["image"][0],
            f"guesses made elsewhere{f' ({each.file})' if each.file else ''}; "
            f"file {(each.sha256 or '–')[:12]}",
            tuple(flat({name: fact for name, fact in each.facts().items() if name != "name"})),
        )
        for each in found
    ]  # fmt: skip


def _seen(trained_on: str) -> str:
    """Return which roles a model has seen, as its provenance says it.

    >>> [_seen(said) for said in ("target", "target, control", "nothing")]
    ['trained on the target role', 'trained on the roles target, control', 'trained on nothing']
    """
    if trained_on in ("nothing", "elsewhere"):
        return "trained elsewhere" if trained_on == "elsewhere" else "trained on nothing"
    roles = f"roles {trained_on}" if "," in trained_on else f"{trained_on} role"
    return f"trained on the {roles}"


def data_sets(
    data: Path, counted: Dropped, named: Mapping[str, str], *, has_names: bool = True
) -> list[Origin]:
    """Return the data set of each lane: how it is named, where its images lie, its samples, its roles."""
    found = []
    for lane, (title, _) in LANES.items():
        samples, source = data / lane / "samples.parquet", data / lane / "images" / "source.json"
        if not samples.is_file():
            continue
        facts: dict[str, Any] = {}
        if lane in named:
            facts["data set"] = _told(named[lane], has_names=has_names)
        if source.is_file() and has_names:
            facts["images"] = json_files.mapping(source)
        for name in ("samples", "splits"):
            if (file := data / lane / f"{name}.parquet").is_file():
                facts[f"{name}.parquet, SHA-256 (16 digits)"] = parquet.fingerprint(file)
        facts["samples per role"] = {
            role: formatting.grouped(n) for role, n in counted.by_role(lane).items()
        }
        found.append(Origin(f"{title.lower()} corpus", title, _kind(facts), tuple(flat(facts))))
    return found


def identity(
    data: Path,
    parameters: str,
    counted: Dropped,
    audited: Mapping[str, Iterable[str]],
    named: Mapping[str, str] | None = None,
    guesses: Iterable[Guesses] = (),
    *,
    has_names: bool = True,
) -> list[tuple[str, str]]:
    """Return what tells this run from another: its data sets, models, parameters and tables.

    Args:
        data: folder of the run's data.
        parameters: their fingerprint.
        counted: the samples of each lane.
        audited: names of the models under audit, by lane.
        named: by lane, how the parameters name the data set: its adapter, then its folder or file.
        guesses: those made elsewhere.
        has_names: False: the folder of a data set is not named.
    """
    told = [("parameters of models, scores and report", parameters)]
    for lane, (title, folder) in LANES.items():
        if not (data / lane / "samples.parquet").is_file():
            continue
        n = formatting.grouped(sum(counted.by_role(lane).values()))
        source = data / lane / "images" / "source.json"
        facts = json_files.mapping(source) if source.is_file() and has_names else {}
        parts = [f"{n} samples"]
        if name := (named or {}).get(lane):
            parts.append(_told(name, has_names=has_names))
        elif facts:
            parts.append(str(facts.get("root") or _kind({"images": facts})))
        told.append((f"{title.lower()}: data set", ", ".join(parts)))
        digests = [
            (name, json_files.mapping(file).get("weights_sha256"))
            for name in audited.get(lane, ())
            if (file := data / lane / folder / name / "provenance.json").is_file()
        ]
        if weights := [f"{name}\u00a0{str(digest)[:12]}" for name, digest in digests if digest]:
            shown = weights[:_MOST_WEIGHTS]
            more = [f"{len(weights) - len(shown)} more below"] if len(weights) > len(shown) else []
            told.append((f"{title.lower()}: weights, SHA-256", ", ".join([*shown, *more])))
        files_of = [
            "\u00a0".join(filter(None, (each.name, each.file, (each.sha256 or "–")[:12])))
            for each in guesses
            if each.name in audited.get(lane, ()) and lane == "image"
        ]
        if files_of:
            told.append((f"{title.lower()}: guesses made elsewhere, SHA-256", ", ".join(files_of)))
        files = {
            what: data / lane / f"{name}.parquet"
            for name, what in (("samples", "samples"), ("splits", "roles"), ("scores", "scores"))
        }
        there = {what: parquet.fingerprint(file) for what, file in files.items() if file.is_file()}
        told.append((f"{title.lower()}: {', '.join(there)}", ", ".join(there.values())))
    return told


def _told(named: str, *, has_names: bool) -> str:
    """Return how the parameters name a data set; without names, its adapter alone."""
    return named if has_names else named.partition(", ")[0]


def _kind(facts: Mapping[str, Any]) -> str:
    kind = facts.get("images", {}).get("kind")
    return "images kept with the run" if kind == "embedded" else str(kind or "images not kept")


def flat(facts: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield nested facts as (path, text).

    >>> list(flat({"layers": {"projector": 512}, "mean": [0.5, 0.5]}))
    [('layers · projector', '512'), ('mean', '0.5, 0.5')]
    """
    for name, value in facts.items():
        path = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path} · ")
        elif isinstance(value, list):
            yield path, ", ".join(str(item) for item in value)
        elif value is not None and value != "":
            yield path, str(value)


def dropped(found: Dropped) -> list[Grid]:
    """Return what happened to every sample of each lane."""
    images = formatting.grid(
        "Images: every sample, by step, role and reason",
        {"step": "text", "role": "text", "reason": "text", "samples": "number"},
        [
            (
                formatting.text(each.step),
                formatting.text(each.role),
                formatting.text(each.reason),
                formatting.count(each.n),
            )
            for each in found.images
        ],
    )
    columns = {
        "role": "text", "samples": "number", "with objects": "number",
        "without objects (not scored)": "number", "not annotated": "number",
        "an object no public image shows": "number", "reason": "text",
    }  # fmt: skip
    captions = formatting.grid(
        "Captions: every sample, by role and reason",
        columns,
        [
            (
                formatting.text(each.role),
                formatting.count(each.n),
                formatting.count(each.n_with_objects),
                formatting.count(each.n_without_objects),
                formatting.count(each.n_not_annotated),
                formatting.count(each.n_beyond_bank),
                formatting.text(each.reason),
            )
            for each in found.captions
        ],
    )
    return [grid for grid in (images, captions) if grid.rows]


def recalls(found: Caveats) -> Grid | None:
    """Return what approximate indices find of the exact neighbors; None where all are exact."""
    rows = [
        (
            formatting.text(LANES[lane][0]), formatting.text(each.model),
            formatting.text(search_of(each)), formatting.text(each.index),
            formatting.count(each.k), formatting.count(each.n_queries),
            formatting.percent(recall_of(each)),
        )
        for lane, each in found.measured
    ]  # fmt: skip
    if not rows:
        return None
    return formatting.grid(
        "Approximate indices: the share of the exact neighbors that they find (%)",
        {"lane": "text", "model": "text", "search": "text", "index": "text", "neighbors": "number",
         "queries": "number", "recall": "number"},
        rows,
    )  # fmt: skip


def needs(references: Mapping[str, Iterable[str]]) -> Grid | None:
    """Return what each test of this run trains or runs beyond the attack on the target itself.

    Args:
        references: of each lane that was run.
    """
    rows = []
    for lane, names in references.items():
        for reference in in_order(names):
            if (told := _need(reference, lane)) is not None:
                rows.append(
                    (formatting.text(LANES[lane][0]), formatting.text(reference_title(reference)),
                     formatting.text(told), formatting.text("each model anew" if reference == SECOND_MODEL
                                                  else "once for all models"))
                )  # fmt: skip
    if not rows:
        return None
    return formatting.grid(
        "What each test needs beyond the attack on the target",
        {"lane": "text", "reference": "text", "needs": "text", "how often": "text"},
        rows,
    )


def _need(reference: str, lane: str) -> str | None:
    if reference == SECOND_MODEL:
        return "training a second network of the same recipe; embedding and searching with it"
    if lane == "caption" and reference != ORACLE:
        return "embedding captions with a released text model, searching; no training"
    if NaiveBayes.named(reference) is not None:
        return "tagging the crops, counting; no network is trained"
    if reference in (ORACLE, CONSENSUS):
        return None
    return "training one classifier on background crops"
