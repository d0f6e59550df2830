"""`dejavu report`: where the page of the last run lies, and a browser on it."""

import webbrowser
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import REPORTS, AsJson, ReportFolder
from dejavu.errors import ArtifactError

PAGE = "index.html"
EXAMPLES = terminal.examples(
    ("dejavu report", "say where the page lies"),
    ("dejavu report --open", "open it in the browser"),
)


def command(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJson = False,
    reports: ReportFolder = REPORTS,
) -> None:
    """Say where the report's page lies; --open shows it in the system's browser.

    The page is one file that needs no network: copy it, mail it, print it. The variable BROWSER names
    another browser than the system's.
    """
    page = reports / PAGE
    if not page.is_file():
        raise ArtifactError(f"{page}: no page here yet. Run `dvc repro` to make it.")
    if as_json:
        terminal.show_json({"page": str(page), "n_bytes": page.stat().st_size})
    else:
        typer.echo(str(page))
    if open_it and not webbrowser.open(page.absolute().as_uri()):
        raise ArtifactError(
            f"{page}: no browser could be started here. Open the file yourself, or name a browser in "
            "the variable BROWSER."
        )
