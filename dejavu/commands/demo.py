"""`dejavu demo`: a small audit on generated images, from nothing to the page."""

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import AsJson

EXAMPLES = terminal.examples(
    ("dejavu demo", "a network is trained, audited and shown in the browser"),
    ("dejavu demo --no-open --out demo", "the same, kept in a folder; only its path is printed"),
)


def command(
    out: Annotated[
        Path | None, typer.Option(help="Keep everything in this new folder; else a temporary one.")
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Another world.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a small network on generated images, audit it, and open the report: a minute or two on two cores.

    The network sees its training images over and over, so it memorizes. Nothing is downloaded.
    """
    from dejavu.api import demo

    folder = out or Path(tempfile.mkdtemp(prefix="dejavu-demo-"))
    audit = demo.run(folder / "audit", seed=seed)
    page = audit.report(folder / "reports")
    if as_json:
        terminal.show_json(
            {"verdict": audit.verdict, "excess_points": audit.excess.value, "page": str(page)}
        )
    else:
        typer.echo(f"{audit.verdict}: {audit.excess}")
        typer.echo(str(page))
    if open_it:
        webbrowser.open(page.absolute().as_uri())  # without a browser the path above is the answer
