"""What the two-model test and each one-model test cost, from the logs that stages leave behind.

Seconds differ from run to run, so they are no part of the tracked report.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.errors import ArtifactError
from dejavu.params.encoders import Models
from dejavu.params.references import AnnotatorParams, ClassifierParams
from dejavu.report.tables import write_csv

_COLUMNS = ("test", "target", "seconds", "cpu_seconds", "peak_mib", "stages", "not_measured")


@dataclasses.dataclass(frozen=True, slots=True)
class Test:
    """A test and the stages that it alone needs, beyond attacking the target model."""

    name: str
    target: str
    stages: tuple[str, ...]


def tests(
    second_models: Mapping[str, str | None], classifiers: Sequence[str], annotators: Sequence[str]
) -> list[Test]:
    """List the tests and what each needs (paper: the two-model test trains a second model).

    Args:
        second_models: the second model of each target model, None where it has none.
        classifiers: names of ``image.classifiers``.
        annotators: names of ``image.annotators``.
    """
    found = [Test("attack on the target", model, _attack(model)) for model in second_models] + [
        Test("two models: second_model", model, _attack(second))
        for model, second in second_models.items()
        if second
    ]
    found += [Test(f"one model: {name}", "any", (f"classifier@{name}",)) for name in classifiers]
    if annotators:
        stages = tuple(f"tag_crops@{name}" for name in annotators)
        found.append(Test("one model: naive_bayes", "any", (*stages, "naive_bayes")))
    return found


def _attack(model: str) -> tuple[str, ...]:
    return (f"encoder@{model}", f"embed@{model}", f"neighbors@{model}")


def rows(planned: Sequence[Test], logs: Path) -> list[dict[str, object]]:
    """Return wall and CPU seconds of each test, summed over its stages.

    A stage that was restored from the cache, or never ran here, left no log: it is named under
    ``not_measured`` and its seconds are missing from the sum.
    """
    found: list[dict[str, object]] = []
    for test in planned:
        facts = {stage: _read(logs / f"{stage}.json") for stage in test.stages}
        known = [fact for fact in facts.values() if fact is not None]
        found.append(
            {
                "test": test.name,
                "target": test.target,
                "seconds": round(sum(fact["seconds"] for fact in known), 1) if known else None,
                "cpu_seconds": round(sum(fact["cpu_seconds"] for fact in known), 1)
                if known
                else None,
                "peak_mib": max((fact["peak_mib"] for fact in known), default=None),
                "stages": " ".join(test.stages),
                "not_measured": " ".join(name for name, fact in facts.items() if fact is None),
            }
        )
    return found


def write(logs: Path, params_path: Path, out: Path) -> str:
    """Write ``cost.csv`` and ``cost.md`` below `out` and return the Markdown.

    Raises:
        ArtifactError: no stage has run on this machine.
    """
    if not any(logs.glob("*.json")):
        raise ArtifactError(f"{logs}: no logs of stages here. Run `dvc repro` first.")
    models = params.section(params_path, "image.models", Models)
    seconds = {model.second_model for model in models.values()}
    made = rows(
        tests(
            {name: model.second_model for name, model in models.items() if name not in seconds},
            list(params.section(params_path, "image.classifiers", dict[str, ClassifierParams])),
            list(params.section(params_path, "image.annotators", dict[str, AnnotatorParams])),
        ),
        logs,
    )
    write_csv(made, out / "cost.csv", _COLUMNS)
    text = markdown(made)
    (out / "cost.md").write_text(text, encoding="utf-8")
    return text


def markdown(made: Sequence[Mapping[str, object]]) -> str:
    """Return the rows as a Markdown table with a sentence before it."""
    lines = [
        "Seconds on this machine, summed over the stages that each test needs. The attack on the target",
        "(train or load, embed, search) is common to all tests; corpus, split, crop and vote are left out.",
        "",
        "| test | target | wall seconds | CPU seconds | peak MiB | not measured |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for row in made:
        cells = [row[name] for name in ("test", "target", "seconds", "cpu_seconds", "peak_mib")]
        shown = [
            "–" if cell is None else str(cell) for cell in [*cells, row["not_measured"] or "–"]
        ]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _read(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
