"""`dejavu summary`: the answer of the last run, in words."""

from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import REPORTS, AsJson, ReportFolder
from dejavu.files import json_files
from dejavu.text import printable

EXAMPLES = terminal.examples(
    ("dejavu summary", "the answer, and where everything lies"),
    ("dejavu summary --full", "all of reports/summary.md"),
    ("dejavu summary --json", "the headline numbers, for a script"),
)


def command(
    full: Annotated[bool, typer.Option("--full", help="Show the whole summary.")] = False,
    as_json: AsJson = False,
    reports: ReportFolder = REPORTS,
) -> None:
    """Print the answer of the last run and say where the report lies. Read this first."""
    from dejavu.commands.read_summary import opening

    shown = opening(reports / "summary.md", full=full)
    names = {
        "page": "index.html", "report": "summary.md", "numbers": "results.json", "tables": "tables",
    }  # fmt: skip
    files = {what: str(reports / name) for what, name in names.items() if (reports / name).exists()}
    if as_json:
        headline = reports / "metrics.json"
        numbers = json_files.mapping(headline) if headline.is_file() else {}
        terminal.show_json({"summary": shown, "headline": numbers, "files": files})
        return
    typer.echo(printable(shown))
    typer.echo("\n" + " · ".join(f"{what}: {path}" for what, path in files.items()))
