"""Read the scores of several DVC experiments that differ in one parameter into one table.

    python -m scripts.compare_experiments OUT_CSV PARAMETER EXPERIMENT [EXPERIMENT ...]

PARAMETER is a dotted name, as in `dvc exp run -S recipes.vicreg.epochs=50`; an EXPERIMENT is the name given
with `dvc exp run -n`, any revision, or a folder that holds a run's params.yaml and results.json. One row per
experiment, target and reference of the image lane, with intervals.
"""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dvc.api
from ruamel.yaml import YAML

from dejavu.text import spreadsheet_safe

TWO_MODELS = "second_model"
# Column of the table: role or comparison, and score, in results.json.
SCORES = {
    "plain": ("target", "dejavu_score"),
    "control": ("control", "dejavu_score"),
    "excess": ("excess", "dejavu_score"),
    "target_accuracy": ("target", "target_accuracy"),
    "reference_accuracy": ("target", "reference_accuracy"),
}


CALIBRATED = ("adjusted", "crossover")  # of a target, whatever the reference


def rows_of(experiment: str, value: Any, results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one row per target and reference of a results.json."""
    for target, references in results["image"].items():
        for reference, nodes in references.items():
            row = {
                "experiment": experiment,
                "value": value,
                "target": target,
                "reference": reference,
                "n_target": nodes["target"]["n"],
                "n_control": nodes["control"]["n"],
            }
            for column, (role, score) in SCORES.items():
                row[column] = nodes[role][score]
                row[f"{column}_low"], row[f"{column}_high"] = nodes[role][f"{score}_ci95"]
            for column in CALIBRATED:
                found = results["calibrated"]["image"][target][column]
                row[column] = found["value"]
                row[f"{column}_low"], row[f"{column}_high"] = found.get("ci95") or (None, None)
            yield row


def _read(experiment: str, path: str) -> str:
    if Path(experiment).is_dir():
        return (Path(experiment) / Path(path).name).read_text(encoding="utf-8")
    text: str = dvc.api.read(path, rev=experiment)
    return text


def parameter(params: Any, name: str) -> Any:
    """Return the value of a dotted name, or say which part of it does not exist."""
    for part in name.split("."):
        if not isinstance(params, dict) or part not in params:
            raise SystemExit(f"{name}: params.yaml has no {part!r} there")
        params = params[part]
    return params


def main(out: str, name: str, experiments: list[str]) -> None:
    """Write the table."""
    rows: list[dict[str, Any]] = []
    for experiment in experiments:
        params, results = (
            _read(experiment, each) for each in ("params.yaml", "reports/results.json")
        )
        value = parameter(YAML(typ="safe").load(params), name)
        rows += rows_of(Path(experiment).name, value, json.loads(results))
    with Path(out).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: spreadsheet_safe(cell) for name, cell in row.items()} for row in rows
        )
    print(f"{len(rows)} rows of {len(experiments)} experiments in {out}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
