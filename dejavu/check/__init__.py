"""``dejavu check``: a dry run. Opens everything a run would open, and says what is missing or wrong."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from dejavu.check.findings import FAILURES, Finding

_STYLES = {"ok": "green", "untried": "yellow", "missing": "red", "wrong": "red"}


def command(
    params_path: Annotated[Path, typer.Option("--params", help="The file to check.")] = Path(
        "params.yaml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    full: Annotated[bool, typer.Option("--full", help="List what is right line by line.")] = False,
) -> None:
    """Dry run: open what params.yaml names, and say what is missing or wrong and which stages would run."""
    findings = check(params_path)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
    else:
        _show(findings, full=full)
    if any(finding.status in FAILURES for finding in findings):
        raise typer.Exit(1)


def check(path: Path) -> list[Finding]:
    """Try all that can be tried without running a stage.

    Raises:
        ParamsError: `path` is missing or no YAML.
    """
    from dejavu.check import data, models, room, sections

    findings, values = sections.read_all(path)
    findings += sections.compare(values)
    machine = values.get("machine")
    if machine is None:
        return findings
    dims: models.Dims = {}
    lanes: dict[str, data.Lane] = {}
    for lane in sections.LANES:
        if {f"{lane}.corpus", f"{lane}.split"} <= values.keys():
            found, lanes[lane] = data.look(lane, values, machine.data_root)
            findings += found
    if _is_used("image", values):
        knows_truth = "favorite_share" in type(values["image.corpus"].root).model_fields
        findings += models.look_at_images(values, machine, knows_truth=knows_truth, dims=dims)
    if _is_used("caption", values):
        findings += models.look_at_captions(values, machine, dims)
    findings.append(room.look_at_disk(values, lanes, dims))
    findings += room.look_at_stages(path)
    return findings


def _is_used(lane: str, values: dict[str, object]) -> bool:
    corpus = values.get(f"{lane}.corpus")
    return corpus is not None and corpus.root.adapter != "none"  # type: ignore[attr-defined]


def _show(findings: list[Finding], *, full: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=False, pad_edge=False)
    for column in ("", "status", "what", "found, or what to do"):
        table.add_column(column, overflow="fold")
    n_quiet = 0
    for finding in findings:
        if finding.status == "ok" and finding.area == "params" and not full:
            n_quiet += 1
            continue
        status = Text(finding.status, style=_STYLES[finding.status])
        table.add_row(finding.area, status, Text(finding.what), Text(finding.detail))
    console = Console()
    console.print(table)
    counts = {status: sum(f.status == status for f in findings) for status in _STYLES}
    listed = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    console.print(f"{listed} ({n_quiet} sections of params.yaml are right and not shown)")
