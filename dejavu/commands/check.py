"""`dejavu check`: a dry run before hours are spent."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from dejavu.commands import terminal
from dejavu.commands.terminal import PARAMS, AsJson, ParamsFile

if TYPE_CHECKING:
    from dejavu.check.findings import Finding

EXAMPLES = terminal.examples(
    ("dejavu check", "before `dvc repro`, after every change of params.yaml"),
    ("dejavu check --params presets/tiny-imagenet.yaml", "try a preset before copying it"),
    ("dejavu check --json", "findings for a script; exit code 1 if anything is missing or wrong"),
)
PAGE = Path("reports") / "check.html"
WIDEST = 118  # columns, also in a pipe: findings are sentences, to be read
_STYLES = {"ok": "green", "untried": "yellow", "missing": "red", "wrong": "red"}


def command(
    params_path: ParamsFile = PARAMS,
    as_json: AsJson = False,
    full: Annotated[bool, typer.Option("--full", help="List what is right line by line.")] = False,
) -> None:
    """Dry run: open what params.yaml names; say what is missing or wrong and which stages would run."""
    from dejavu.check import check
    from dejavu.check.findings import FAILURES

    findings = check(params_path, page=PAGE)
    if as_json:
        terminal.show_json([dataclasses.asdict(finding) for finding in findings])
    else:
        _show(findings, full=full)
        if not any(
            finding.what == str(PAGE) for finding in findings
        ):  # else it could not be written
            terminal.console().print(f"Contact sheet, counts and all findings: {PAGE}")
    if any(finding.status in FAILURES for finding in findings):
        raise typer.Exit(1)


def _show(findings: "list[Finding]", *, full: bool) -> None:
    shown = [f for f in findings if full or f.status != "ok" or f.area != "params"]
    rows = [
        (f.area, Text(f.status, style=_STYLES[f.status]), f.what, Text(f.detail)) for f in shown
    ]
    console = terminal.console(widest=WIDEST)
    console.print(terminal.table(["", "status", "what", "found, or what to do"], rows))
    counts = {status: sum(f.status == status for f in findings) for status in _STYLES}
    listed = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    n_quiet = len(findings) - len(shown)
    console.print(f"{listed} ({n_quiet} sections of params.yaml are right and not shown)")
