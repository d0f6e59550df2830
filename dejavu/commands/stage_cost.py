"""What the two-model test and each one-model test cost, from the logs that stages leave behind.

Seconds differ from run to run, so they are no part of the tracked report.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.caption.comparisons import reference_names
from dejavu.errors import ArtifactError
from dejavu.files import json_files
from dejavu.params.caption import CaptionModels
from dejavu.params.encoders import Models
from dejavu.params.references import Annotators, Classifiers
from dejavu.report import csv_files
from dejavu.report.numbers import Rows

_COLUMNS = (
    "lane", "test", "target", "seconds", "cpu_seconds", "peak_mib", "stages", "not_measured", "loaded",
)  # fmt: skip
LOADED = 1.5  # times as many processes as cores
_ATTACK = {  # stages that turn one model into guesses
    "image": ("encoder", "embed", "neighbors"),
    "caption": ("clip", "embed_captions", "retrieve"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test and the stages that it alone needs, beyond attacking the target model."""

    lane: str
    name: str
    target: str
    stages: tuple[str, ...]


def model_tests(lane: str, second_models: Mapping[str, str | None]) -> list[Test]:
    """List the attacks on the targets and the two-model tests, which train a second model.

    Args:
        lane: image or caption.
        second_models: the second model of each target model, None where it has none.
    """
    attacks = [
        Test(lane=lane, name="attack on the target", target=model, stages=_attack(lane, model))
        for model in second_models
    ]
    pairs = [(model, second) for model, second in second_models.items() if second]
    two_models = [
        Test(lane=lane, name="two models: second_model", target=model, stages=_attack(lane, second))
        for model, second in pairs
    ]
    crossovers = [
        Test(
            lane=lane, name="two models: what the crossover adds", target=model,
            stages=(f"crossover@{lane}",),  # both models attack the reference role with the rest
        )
        for model, _ in pairs
    ]  # fmt: skip
    return attacks + two_models + crossovers


def image_references(classifiers: Iterable[str], annotators: Iterable[str]) -> list[Test]:
    """List the one-model tests of the image lane, by names in ``image.classifiers``, ``.annotators``."""
    found = [
        Test(lane="image", name=f"one model: {name}", target="any", stages=(f"classifier@{name}",))
        for name in classifiers
    ]
    if tagged := tuple(f"tag_crops@{name}" for name in annotators):
        stages = (*tagged, "naive_bayes")
        found.append(Test(lane="image", name="one model: naive_bayes", target="any", stages=stages))
    return found


def caption_references(text_models: Iterable[str]) -> list[Test]:
    """List the one-model tests of the caption lane: each embeds captions with one text model."""
    return [
        Test(
            lane="caption", name=f"one model: {name}", target="any",
            stages=_attack("caption", name),
        )
        for name in text_models
    ]  # fmt: skip


def _attack(lane: str, model: str) -> tuple[str, ...]:
    return tuple(f"{stage}@{model}" for stage in _ATTACK[lane])


def rows(planned: Sequence[Test], logs: Path) -> Rows:
    """Return wall and CPU seconds of each test from the start of its processes, summed over its stages.

    Where other work wanted the cores, ``loaded`` names the stages: their wall seconds are too high, and
    their CPU seconds a little. A stage that was restored from the cache, or never ran here, left no
    log: it is named under ``not_measured`` and its seconds are missing from the sum.
    """
    found: Rows = []
    for test in planned:
        facts = {stage: _read(logs / f"{stage}.json") for stage in test.stages}
        known = [fact for fact in facts.values() if fact is not None]
        found.append(
            {
                "lane": test.lane,
                "test": test.name,
                "target": test.target,
                "seconds": _sum(known, "process_seconds"),
                "cpu_seconds": _sum(known, "process_cpu_seconds"),
                "peak_mib": max((fact["peak_mib"] for fact in known), default=None),
                "stages": " ".join(test.stages),
                "not_measured": " ".join(name for name, fact in facts.items() if fact is None),
                "loaded": " ".join(name for name, fact in facts.items() if fact and _loaded(fact)),
            }
        )
    return found


def _sum(facts: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return round(sum(fact[key] for fact in facts), 1) if facts else None


def _loaded(fact: Mapping[str, Any]) -> bool:
    """Return whether clearly more processes wanted a core than there are: one stage wants all of them."""
    return bool(fact.get("load", 0) > LOADED * fact.get("cores", 1))


def write(logs: Path, params_path: Path, out: Path) -> Rows:
    """Write ``cost.csv`` and ``cost.md`` below `out` and return their rows.

    Raises:
        ArtifactError: no stage has run on this machine.
    """
    if not any(logs.glob("*.json")):
        raise ArtifactError(f"{logs}: no logs of stages here. Run `dvc repro` first.")
    made = rows(planned(params_path), logs)
    out.mkdir(parents=True, exist_ok=True)
    csv_files.write(made, out / "cost.csv", _COLUMNS)
    (out / "cost.md").write_text(markdown(made), encoding="utf-8")
    return made


def planned(params_path: Path) -> list[Test]:
    """List the tests that params.yaml asks for, in both lanes."""
    models = params.section(params_path, "image.models", Models)
    captions = params.section(params_path, "caption.models", CaptionModels)
    texts = reference_names(captions).values()
    pairs = {name: model for name, model in captions.items() if name not in texts}
    return [
        *model_tests("image", _second_models(models)),
        *image_references(
            params.section(params_path, "image.classifiers", Classifiers),
            params.section(params_path, "image.annotators", Annotators),
        ),
        *model_tests("caption", _second_models(pairs)),
        *caption_references(texts),
    ]


def _second_models(models: Mapping[str, Any]) -> dict[str, str | None]:
    seconds = {model.second_model for model in models.values()}
    return {name: model.second_model for name, model in models.items() if name not in seconds}


def markdown(made: Rows) -> str:
    """Return the rows as a Markdown table with a sentence before it."""
    lines = [
        "Seconds on this machine from the start of each process, summed over the stages that each test",
        "needs. The attack on the target (train or load, embed, search) is common to all tests of a lane;",
        "what every test needs (corpus, split, crop, objects, votes) is left out.",
        "",
        "| lane | test | target | wall seconds | CPU seconds | peak MiB | not measured |",
        "| --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    for row in made:
        cells = [row[name] for name in _COLUMNS if name not in ("stages", "not_measured", "loaded")]
        shown = [
            "–" if cell is None else str(cell) for cell in [*cells, row["not_measured"] or "–"]
        ]
        lines.append(f"| {' | '.join(shown)} |")
    if loaded := sorted({name for row in made for name in str(row["loaded"]).split()}):
        lines += [
            "",
            f"The machine was loaded while {len(loaded)} stages ran ({', '.join(loaded[:5])}"
            f"{', …' if len(loaded) > 5 else ''}): compare CPU seconds, not wall seconds.",
        ]
    return "\n".join(lines) + "\n"


def _read(file: Path) -> dict[str, Any] | None:
    return json_files.mapping(file) if file.is_file() else None
