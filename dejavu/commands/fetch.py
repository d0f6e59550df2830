"""`dejavu fetch`: take a public file after seeing its size, license and source."""

from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import PARAMS, AsJson, ParamsFile
from dejavu.run.progress import is_quiet

EXAMPLES = terminal.examples(
    ("dejavu fetch", "list what can be fetched"),
    ("dejavu fetch vicreg_resnet50_full", "shows size, license and source, then asks"),
    ("dejavu fetch gte_base --to /data/weights --yes", "into another folder, without asking"),
)


def command(
    name: Annotated[
        str | None, typer.Argument(help="What to fetch; nothing lists the names.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for the files.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    params_path: ParamsFile = PARAMS,
) -> None:
    """Download public weights or data; shows size, license and source first, resumes, verifies.

    Without a connection it says which file to download elsewhere and where to put it.
    """
    from dejavu import params
    from dejavu.downloads import fetch
    from dejavu.params.machine import MachineParams
    from dejavu.run import project_lock

    if name is None:
        _list(as_json)
        return
    entry = fetch.entry(name)
    folder = to
    if folder is None:
        folder = params.section(params_path, "machine", MachineParams).data_folder / entry.folder
    # who asked for quiet still sees what is agreed to
    terms = f"{entry.title} [{entry.license}; {entry.source}] " if is_quiet() else ""
    with project_lock.held():
        files = fetch.fetch(
            name, folder, ask=lambda question: yes or typer.confirm(terms + question, err=True)
        )
    if as_json:
        terminal.show_json({"name": name, "files": [str(file) for file in files]})


def _list(as_json: bool) -> None:
    from dejavu.downloads import fetch

    rows = [
        {
            "name": name, "title": entry.title, "license": entry.license, "source": entry.source,
            "folder": entry.folder,
        }
        for name, entry in fetch.catalogue().items()
    ]  # fmt: skip
    if as_json:
        terminal.show_json(rows)
        return
    shown = ("name", "title", "license")
    cells = [[row[column] for column in shown] for row in rows]
    terminal.console().print(terminal.table(shown, cells))
